// Keeps the live part of a page fresh: puts in what the server sends with each look at the lanes. Nobody looks while the
// page is hidden. Without scripts the page's <noscript> refresh does the same more roughly.
const live = document.getElementById("live");
const mark = document.getElementById("live-mark");
let source;

const say = (text, state) => {
  if (!mark) return;
  mark.textContent = text;
  mark.dataset.state = state;
};

const put = (html) => {
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  live.innerHTML = html;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
};

const open = () => {
  source = new EventSource(live.dataset.stream);
  source.addEventListener("lanes", (event) => {
    // What someone is just marking to copy it stays.
    if (live.contains(getSelection()?.anchorNode) && !getSelection().isCollapsed) return;
    put(event.data);
    say("Live", "live");
  });
  source.addEventListener("away", () => say("The database does not answer", "away"));
  source.onerror = () => say("Connecting …", "away");
};

const close = () => {
  source?.close();
  source = undefined;
};

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else if (!source) open();
});
addEventListener("pagehide", close);
if (!document.hidden) open();
