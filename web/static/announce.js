// Say something to screen readers, through the one live region of the page.
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
