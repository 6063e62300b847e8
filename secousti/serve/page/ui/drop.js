// A file dragged over the page: send it through, or borrow its voice.

const overlay = document.getElementById("drop");
const zones = [...overlay.querySelectorAll(".zone")];

/** `dropped(file, use)`, use "speech" or "voice". */
export function acceptFiles(dropped) {
  let depth = 0;
  addEventListener("dragenter", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    depth++;
    overlay.hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) overlay.hidden = true;
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    for (const zone of zones) zone.classList.toggle("over", zone === event.target);
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    overlay.hidden = true;
    const [file] = event.dataTransfer.files;
    if (file) dropped(file, event.target.dataset?.use ?? "speech");
  });
}
