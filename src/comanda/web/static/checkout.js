// Keeps the total right while the guest still chooses: sends the form for its price and shows the new sum.
// Without scripts a button does the same. Placing the order is the plain form's work, with and without scripts.
document.documentElement.classList.add("has-script");
const form = document.getElementById("checkout");
// Not `form.action`: the form has buttons of that name.
const address = form?.getAttribute("action");
let asked = 0;

const reprice = async () => {
  const mine = ++asked;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("action", "price");
  form.classList.add("is-pricing");
  try {
    const answer = await fetch(address, { method: "POST", body: fields, headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected || mine !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const selector of ["#sum", ".pills"]) {
      const fresh = page.querySelector(selector);
      if (fresh && !document.querySelector(selector).contains(document.activeElement)) {
        document.querySelector(selector).replaceWith(fresh);
      }
    }
    form.elements.expected_total.value = page.querySelector("[name=expected_total]").value;
    const coupon = page.getElementById("coupon")?.closest(".field");
    if (coupon && document.activeElement?.id !== "coupon") document.getElementById("coupon").closest(".field").replaceWith(coupon);
  } catch {
    // The server compares the total that was shown with its own; nothing is charged that was not seen.
  } finally {
    if (mine === asked) form.classList.remove("is-pricing");
  }
};

form?.addEventListener("change", (event) => {
  if (event.target.matches("[data-reprice]")) reprice();
});
