import { followOwnList, ownList } from "../state/own-list.ts";

/** The number beside the star in the header. */
export function followStars(): void {
  const place = document.querySelector(".top .starred .count");
  const show = () => {
    const n = ownList().items.length;
    if (place) place.textContent = n === 0 ? "" : String(n);
  };
  show();
  followOwnList(show);
}
