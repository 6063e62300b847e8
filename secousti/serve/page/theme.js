// Light, dark or as the system. Not a module: it runs before the first paint.

(() => {
  const KEY = "secousti-theme", ORDER = ["system", "light", "dark"];
  const root = document.documentElement;

  function read() {
    try {
      return ORDER.includes(localStorage[KEY]) ? localStorage[KEY] : "system";
    } catch {
      return "system"; // storage may be forbidden
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    dispatchEvent(new Event("themechange"));
  }

  function label(button) {
    const { theme } = root.dataset;
    button.setAttribute("aria-label", `Theme: ${theme === "system" ? "as the system" : theme}`);
    button.title = button.getAttribute("aria-label");
  }

  apply(read());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(root.dataset.theme));
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    label(button);
    button.addEventListener("click", () => {
      apply(ORDER[(ORDER.indexOf(root.dataset.theme) + 1) % ORDER.length]);
      label(button);
      try {
        localStorage[KEY] = root.dataset.theme;
      } catch {
        // it holds until the page is left
      }
    });
  });
})();
