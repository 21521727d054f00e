// Send a verdict without leaving the answer.
import { announce } from "./announce.js";

const form = document.querySelector(".feedback");
const said = document.createElement("p");
said.tabIndex = -1;

function setSending(sending) {
  for (const button of form.querySelectorAll("button")) button.disabled = sending; // a double click is one verdict
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const data = new URLSearchParams(new FormData(form, event.submitter));
  setSending(true);
  const reply = await fetch(form.action, { method: "POST", body: data }).catch(() => null);
  const page = new DOMParser().parseFromString((await reply?.text()) ?? "", "text/html");
  said.textContent = page.querySelector(".lede")?.textContent ?? "That could not be kept; please try again later.";
  setSending(false);
  if (reply?.ok) form.replaceChildren(said);
  else form.append(said);
  said.focus();
  announce(said.textContent);
});
