// Counts the seconds in which a reply may be taken back; at zero the banner goes. Pressing is decided by the server.
(() => {
  const ends = new WeakMap();
  setInterval(() => {
    for (const banner of document.querySelectorAll("[data-held]")) {
      if (!ends.has(banner)) ends.set(banner, performance.now() + banner.dataset.held * 1000);
      const left = Math.ceil((ends.get(banner) - performance.now()) / 1000);
      const shown = banner.querySelector("[data-held-seconds]");
      if (left <= 0) banner.remove();
      else if (shown) shown.textContent = left;
    }
  }, 500);
})();
