/** Follows a link: on the page that shows such things already, without loading it again. */
export function go(href: string): void {
  const to = new URL(href, location.href);
  if (to.pathname !== location.pathname) {
    location.href = href;
    return;
  }
  history.pushState(null, "", to);
  dispatchEvent(new PopStateEvent("popstate"));
  scrollTo(0, 0);
}
