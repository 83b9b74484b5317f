// The reply box grows with its text, up to most of the window, so that a long answer is read without scrolling twice.
(() => {
  for (const box of document.querySelectorAll("textarea[data-grow]")) {
    const grow = () => {
      const most = Math.floor(window.innerHeight * 0.6 / 24);
      while (box.scrollHeight > box.clientHeight && box.rows < most) box.rows += 1;
    };
    box.addEventListener("input", grow);
    grow();
  }
})();
