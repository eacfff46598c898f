// Adds and removes conditions without a new page, and keeps the count right while somebody types. The server draws both:
// without scripts the same buttons post the same form.
const form = document.getElementById("audience");
const address = form?.getAttribute("action");
const reach = document.getElementById("reach");
let asked = 0;
let waiting;

const post = async (path, action) => {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("action", action);
  const answer = await fetch(path, { method: "POST", body: fields, headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
  return answer.text();
};

const count = async () => {
  const mine = ++asked;
  reach.classList.add("is-counting");
  try {
    const html = await post("/staff/audiences/reach", "count");
    if (mine === asked) reach.innerHTML = html;
  } catch {
    // The count that stands there is an older one; the button counts again.
  } finally {
    if (mine === asked) reach.classList.remove("is-counting");
  }
};

const countSoon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(count, 400);
};

form?.addEventListener("input", (event) => {
  if (event.target.name !== "name" && !event.target.name.startsWith("kind:")) countSoon();
});

form?.addEventListener("submit", async (event) => {
  const action = event.submitter?.value ?? "";
  if (!/^(add|add_group|remove)(:|$)/.test(action)) return;
  event.preventDefault();
  clearTimeout(waiting);
  const mine = ++asked;
  try {
    const page = new DOMParser().parseFromString(await post(address, action), "text/html");
    if (mine !== asked) return;
    document.getElementById("builder").replaceWith(page.getElementById("builder"));
    reach.innerHTML = page.getElementById("reach").innerHTML;
    form.querySelector("#builder .conditions > :last-child :is(select, input:not([type=hidden]))")?.focus();
  } catch {
    location.reload();
  }
});
