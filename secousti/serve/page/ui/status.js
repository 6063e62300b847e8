// What the page is doing, in words, for eyes and screen readers.

const $ = (id) => document.getElementById(id);

export function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

/** A problem stays until it is read or something works again. */
export function complain(problem) {
  $("problem-text").textContent = problem.message;
  $("problem").hidden = false;
}

export function forgive() {
  $("problem").hidden = true;
}

$("problem-close").addEventListener("click", () => {
  forgive();
  $("speak").focus();
});
