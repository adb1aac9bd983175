// A map of places without a tile: an outline where there is one, else a grid in kilometres; scale, north, clusters.
import { leaflet as L } from "/assets/leaflet/index.js";

const GAP_PX = 46; // places closer than this on the screen are one mark
const GRID_PX = 90; // lines of the grid are at least so far apart
const METRES_PER_DEGREE = 111320;
const ZOOM_MAX = 18;
const NEAR_ZOOM = 14; // nobody is shown nearer than this at first
const NEAREST = 6;
const STEPS = [1, 2, 5];

/** element: a sized box. words: {north, places, map}. outline: address of GeoJSON or "". pick: called with a clicked
 *  place (lat, lng). Returns {show(places), mark(lat, lng), close()}; places: [{id, name, lat, lng, family, letter,
 *  urgency, title, href}]. */
export function placesMap(element, { words, outline = "", pick = null }) {
  const map = L.map(element, {
    attributionControl: false,
    zoomSnap: 0.25,
    minZoom: 2,
    maxZoom: ZOOM_MAX,
    center: [35, 105],
    zoom: 4,
    fadeAnimation: false,
    markerZoomAnimation: false,
  });
  element.setAttribute("role", "application");
  element.setAttribute("aria-label", words.map);
  L.control.scale({ imperial: false }).addTo(map);
  northTo(map, words.north);
  const ground = L.layerGroup().addTo(map);
  const marks = new Map(); // key of a cluster -> marker
  let places = [];
  let placed = false;
  let here = null;

  let gridded = !outline;
  drawOutline(map, outline).then((drawn) => {
    gridded = !drawn;
    if (drawn && !placed) map.fitBounds(drawn.getBounds(), { animate: false });
    lookAgain();
  });

  function lookAgain() {
    if (gridded) drawGrid(map, ground);
    else ground.clearLayers();
    drawMarks();
  }

  function drawMarks() {
    const wanted = new Map(clusters(map, places).map((cluster) => [keyOf(cluster), cluster]));
    for (const [key, marker] of marks) {
      if (!wanted.has(key)) {
        marker.remove();
        marks.delete(key);
      }
    }
    for (const [key, cluster] of wanted) {
      if (!marks.has(key)) marks.set(key, markerFor(map, cluster, words).addTo(map));
      dress(marks.get(key), cluster, words);
    }
  }

  function show(now) {
    places = now;
    if (!placed && places.length && element.clientWidth) {
      placed = true;
      map.fitBounds(boundsOf(places).pad(0.25), { maxZoom: NEAR_ZOOM, animate: false });
    }
    lookAgain();
  }

  map.on("moveend zoomend resize", lookAgain);
  if (pick) map.on("click", (event) => pick(event.latlng.lat, event.latlng.lng));
  const watcher = new ResizeObserver(() => {
    map.invalidateSize({ animate: false });
    if (!placed) show(places);
  });
  watcher.observe(element);

  return {
    show,
    /** Somebody is here: the nearest places, which come first, and here are in sight. */
    mark(lat, lng) {
      here?.remove();
      here = L.circleMarker([lat, lng], { radius: 8, className: "map-here", interactive: false }).addTo(map);
      const bounds = boundsOf([{ lat, lng }, ...places.slice(0, NEAREST)]);
      map.fitBounds(bounds.pad(0.2), { maxZoom: NEAR_ZOOM, animate: false });
    },
    close() {
      watcher.disconnect();
      map.remove();
    },
  };
}

function boundsOf(places) {
  return L.latLngBounds(places.map((place) => [place.lat, place.lng]));
}

function clusters(map, places) {
  const found = [];
  for (const place of places) {
    const at = map.project([place.lat, place.lng]);
    const near = found.find((cluster) => cluster.at.distanceTo(at) < GAP_PX);
    if (near) near.places.push(place);
    else found.push({ at, places: [place] });
  }
  return found;
}

function keyOf(cluster) {
  return cluster.places.map((place) => place.id).join("\n");
}

/** The place of a cluster that tells most: it lends its colour and letter. */
function worstOf(cluster) {
  return cluster.places.reduce((worst, place) => (place.urgency < worst.urgency ? place : worst));
}

function titleOf(cluster, words) {
  if (cluster.places.length === 1) return cluster.places[0].title;
  return `${cluster.places.length} ${words.places}: ${cluster.places.map((place) => place.title).slice(0, 5).join("; ")}`;
}

function markerFor(map, cluster, words) {
  const pin = document.createElement("span");
  const letter = pin.appendChild(document.createElement("b"));
  const name = pin.appendChild(document.createElement("span"));
  letter.ariaHidden = name.ariaHidden = "true";
  const icon = L.divIcon({ html: pin, className: "map-mark", iconSize: [34, 34] });
  const marker = L.marker(boundsOf(cluster.places).getCenter(), { icon, riseOnHover: true });
  const go = () => open(map, marker.cluster, words);
  marker.on("click", go);
  marker.on("keypress", (event) => event.originalEvent.key === "Enter" && go());
  return marker;
}

function dress(marker, cluster, words) {
  const worst = worstOf(cluster);
  const many = cluster.places.length > 1;
  marker.cluster = cluster;
  const element = marker.getElement();
  const pin = element.firstElementChild;
  const title = titleOf(cluster, words);
  pin.className = `pin state ${worst.family}${many ? " many" : ""}`;
  pin.firstElementChild.textContent = many ? cluster.places.length : worst.letter;
  pin.lastElementChild.textContent = many ? "" : worst.name;
  if (element.title !== title) {
    element.title = title;
    element.setAttribute("aria-label", title);
  }
}

/** A cluster opens by going nearer; places at one spot, and one place alone, by their names. */
function open(map, cluster, words) {
  const bounds = boundsOf(cluster.places);
  const apart = bounds.getNorthEast().distanceTo(bounds.getSouthWest()) > 1;
  if (cluster.places.length > 1 && apart && map.getZoom() < ZOOM_MAX) {
    map.fitBounds(bounds.pad(0.3), { maxZoom: ZOOM_MAX });
    return;
  }
  if (cluster.places.length === 1) {
    location.assign(cluster.places[0].href);
    return;
  }
  const list = document.createElement("div");
  list.className = "map-list";
  for (const place of cluster.places) {
    const link = list.appendChild(document.createElement("a"));
    link.href = place.href;
    link.textContent = place.title;
  }
  L.popup().setLatLng(bounds.getCenter()).setContent(list).openOn(map);
}

function northTo(map, word) {
  const control = L.control({ position: "topright" });
  control.onAdd = () => {
    const sign = L.DomUtil.create("div", "map-north");
    sign.textContent = `↑ ${word}`;
    return sign;
  };
  control.addTo(map);
}

/** The layer, null where there is none. */
async function drawOutline(map, address) {
  if (!address) return null;
  try {
    const answer = await fetch(address);
    if (!answer.ok) return null;
    return L.geoJSON(await answer.json(), {
      interactive: false,
      style: { className: "map-outline" },
      pointToLayer: () => null,
    }).addTo(map);
  } catch {
    return null;
  }
}

function drawGrid(map, ground) {
  ground.clearLayers();
  const bounds = map.getBounds().pad(0.1);
  const middle = map.getCenter();
  const narrow = Math.max(Math.cos((middle.lat * Math.PI) / 180), 0.05);
  const pixelM = map.distance(map.containerPointToLatLng([0, 0]), map.containerPointToLatLng([100, 0])) / 100;
  const stepM = roundUp(GRID_PX * pixelM);
  const [north, east] = [stepM / METRES_PER_DEGREE, stepM / METRES_PER_DEGREE / narrow];
  const line = (from, to) =>
    L.polyline([from, to], { className: "map-grid", interactive: false, weight: 1 }).addTo(ground);
  for (let lat = Math.ceil(bounds.getSouth() / north) * north; lat < bounds.getNorth(); lat += north)
    line([lat, bounds.getWest()], [lat, bounds.getEast()]);
  for (let lng = Math.ceil(bounds.getWest() / east) * east; lng < bounds.getEast(); lng += east)
    line([bounds.getSouth(), lng], [bounds.getNorth(), lng]);
}

function roundUp(metres) {
  const power = 10 ** Math.floor(Math.log10(Math.max(metres, 1)));
  return (STEPS.find((step) => step * power >= metres) ?? 10) * power;
}
