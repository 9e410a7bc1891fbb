/** The note above the excerpts: a visitor who hides it does not meet it again in this session. A classic
 * script right after the note, so that one that is hidden is never drawn. */
{
  const note = document.querySelector<HTMLElement>(".content-note");
  const button = note?.querySelector("button");
  const key = `content-note ${note?.dataset["atlas"]}`;
  const hidden = () => {
    try {
      return sessionStorage.getItem(key) !== null;
    } catch {
      return false; // a frame may have no storage: then it is hidden on this page only
    }
  };
  const remember = () => {
    try {
      sessionStorage.setItem(key, "hidden");
    } catch {
      return; // as above
    }
  };
  if (note && button) {
    note.hidden = hidden();
    button.hidden = false;
    button.addEventListener("click", () => {
      note.hidden = true;
      remember();
    });
  }
}
