// Send a verdict without leaving the answer.
import { announce } from "./announce.js";

const form = document.querySelector(".feedback");

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const data = new URLSearchParams(new FormData(form, event.submitter));
  const reply = await fetch(form.action, { method: "POST", body: data }).catch(() => null);
  const text = reply?.ok ? "Thank you, that was kept." : "That could not be kept; please try again later.";
  const said = document.createElement("p");
  said.tabIndex = -1;
  said.textContent = text;
  if (reply?.ok) form.replaceChildren(said);
  else form.append(said);
  said.focus();
  announce(text);
});
