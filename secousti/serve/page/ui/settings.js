// The settings are folded on a phone and open where there is room.

const settings = document.getElementById("settings");
const roomy = matchMedia("(min-width: 40.01rem)");

const fold = () => (settings.open = roomy.matches);
roomy.addEventListener("change", fold);
fold();
