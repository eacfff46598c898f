// Says that newer mails have arrived; the page works without it.
const pill = document.querySelector(".fresh");

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(`/api/messages?limit=100&after=${pill.dataset.newest}`);
      const { messages } = await answer.json();
      if (messages.length) {
        pill.textContent = messages.length === 1 ? "1 new mail" : `${messages.length >= 100 ? "100 or more" : messages.length} new mails`;
        pill.hidden = false;
      }
    } catch {
      // The mailbox is being restarted; the next look will tell.
    }
  }
  setTimeout(look, 3000);
}

setTimeout(look, 3000);
