// What the page for drivers does with script: a map to look at and to choose a place on, and the browser's own place,
// when somebody asks for it. Without script the form and the list work all the same.
const form = document.getElementById("wish");
const box = document.getElementById("map");
const button = document.getElementById("locate");
const note = document.getElementById("locate-note");
const DECIMALS = 3; // a hundred metres: where exactly somebody stands is no matter of ours

function lookFrom(lat, lng) {
  form.elements.lat.value = lat.toFixed(DECIMALS);
  form.elements.lng.value = lng.toFixed(DECIMALS);
  form.requestSubmit();
}

for (const select of form.querySelectorAll("select, input[type=checkbox], input[type=radio]"))
  select.addEventListener("change", () => form.requestSubmit());

if (navigator.geolocation && window.isSecureContext) {
  button.hidden = false;
  button.addEventListener("click", () => {
    note.textContent = button.dataset.asking;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => lookFrom(coords.latitude, coords.longitude),
      () => (note.textContent = button.dataset.refused),
      { timeout: 15000, maximumAge: 60000 },
    );
  });
}

const { placesMap } = await import(box.dataset.module);
const map = placesMap(box, {
  words: JSON.parse(box.dataset.words),
  outline: box.dataset.outline,
  pick: lookFrom,
});
map.show(JSON.parse(box.dataset.places));
if (box.dataset.here) map.mark(...box.dataset.here.split(",").map(Number));
