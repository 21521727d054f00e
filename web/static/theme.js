// Change the colours without loading the page anew; the cookie is what the server would have set.
const ONE_YEAR_SECONDS = 365 * 24 * 3600;
const form = document.querySelector(".theme");

function show(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.querySelector("meta[name=color-scheme]").content = theme === "auto" ? "light dark" : theme;
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const theme = event.submitter.value;
  document.cookie = `theme=${theme}; path=/; max-age=${ONE_YEAR_SECONDS}; samesite=lax`;
  show(theme);
});
// Back may show a page as it was before the choice.
window.addEventListener("pageshow", () => {
  const [, chosen] = /(?:^|; )theme=(light|dark)(?:;|$)/.exec(document.cookie) ?? [];
  show(chosen ?? "auto");
});
