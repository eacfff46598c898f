// Keeps a page fresh without losing the reader's place: fetches it again and puts the new content in.
// Without scripts the page's <noscript> refresh does the same more roughly.
const main = document.getElementById("main");
const seconds = Number(document.currentScript?.dataset.seconds ?? document.querySelector("script[data-seconds]")?.dataset.seconds ?? 5);
const busy = () => document.hidden || main.contains(document.activeElement?.closest("input, textarea, select, details[open]") ?? null);
const refresh = async () => {
  if (busy()) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    if (!fresh || busy()) return;
    const focused = document.activeElement?.id;
    document.title = page.title;
    main.replaceChildren(...fresh.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  } catch {
    // The next round tries again.
  }
};
setInterval(refresh, seconds * 1000);
