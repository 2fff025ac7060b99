// Beside a file's facts: how its text begins. Asked for only where there is room to see it.

for (const place of document.querySelectorAll("[data-lines]")) {
  if (place.parentElement.checkVisibility()) show(place);
}

async function show(place) {
  const answer = await fetch(place.dataset.lines).catch(() => null);
  if (answer?.ok) place.textContent = await answer.text();
}
