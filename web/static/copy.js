// A citation link copies what it leads to. Without a clipboard (no HTTPS, no permission) it stays a link.
import { announce } from "./announce.js";

const SHOWN_MS = 2000;

async function textOf(address) {
  const reply = await fetch(address);
  if (!reply.ok) throw new Error(`${reply.status}`);
  return new Blob([(await reply.text()).trimEnd()], { type: "text/plain" });
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest(".citing a");
  if (!link || !navigator.clipboard?.write || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const name = (link.dataset.name ??= link.textContent); // the text changes for a while
  try {
    // A promise, so that the browser still sees the click that asked for it.
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": textOf(link.href) })]);
    link.textContent = `${name} copied`;
    announce(`${name} copied`);
    setTimeout(() => { link.textContent = name; }, SHOWN_MS);
  } catch {
    location.assign(link.href);
  }
});
