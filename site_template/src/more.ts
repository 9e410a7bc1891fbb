/**
 * What is not needed to show a first latent, list or head, in one file of its own: the pages that fewer open,
 * the search box once it is used, the share menu. Several small files would cost a visitor more requests.
 */
export { ComparePage } from "./pages/compare.tsx";
export { ComparisonPage } from "./pages/comparison.tsx";
export { FinderPage } from "./pages/finder.tsx";
export { ListPage } from "./pages/list.tsx";
export { OpenPage } from "./pages/open.tsx";
export { PatternsPage } from "./pages/patterns.tsx";
export { SearchPage } from "./pages/search.tsx";
export { TokenPage } from "./pages/token.tsx";
export { ShareMenu } from "./parts/share-menu.tsx";
export { openBox } from "./search/box.tsx";
