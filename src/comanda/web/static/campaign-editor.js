// Shows what is typed in the editor, a moment after the last key. The form does the same without scripts, by its button.
const form = document.getElementById("editor");
const show = document.getElementById("show");
let timer;

const preview = () => {
  // A new frame's first page leaves nothing in the history of the browser's back button.
  const old = form.querySelector("iframe");
  old.replaceWith(old.cloneNode());
  form.noValidate = true;
  form.requestSubmit(show);
  form.noValidate = false;
};

form.addEventListener("input", (event) => {
  if (["size", "test_to", "when", "at"].includes(event.target.name)) return;
  clearTimeout(timer);
  timer = setTimeout(preview, 600);
});
if (form.dataset.lookAt) document.getElementById(form.dataset.lookAt)?.scrollIntoView({ block: "center" });
preview();
