// What the benchmark of the page sees from within it. `bench` is there before the page's own script.
const LONGEST_MS = 120_000;

window.bench = {
  /** Resolves with milliseconds from Enter, as the browser saw it, to the frame after the first row has the word marked. */
  shown: null,

  watchFirstRow(word) {
    this.shown = new Promise((done, fail) => {
      const entered = (event) => {
        if (event.key !== "Enter") return;
        removeEventListener("keydown", entered, true);
        const look = (now) => {
          const mark = document.querySelector('[data-testid=rows] [aria-rowindex="1"] mark');
          if (now - event.timeStamp > LONGEST_MS) fail(new Error(`no row with ${word} was shown`));
          else if (mark?.textContent.toLowerCase() !== word) requestAnimationFrame(look);
          else requestAnimationFrame(() => done(performance.now() - event.timeStamp));
        };
        requestAnimationFrame(look);
      };
      addEventListener("keydown", entered, true);
    });
  },

  /** Scrolls down, and what is loaded grows by that, until the page says that so many are. */
  load(count) {
    const pane = document.querySelector("[data-testid=rows]");
    const began = performance.now();
    return new Promise((done, fail) => {
      const go = () => {
        const said = document.querySelector("[data-testid=counts]").textContent;
        if (said.startsWith(count)) return done();
        if (performance.now() - began > LONGEST_MS) return fail(new Error(`after ${LONGEST_MS} ms ${said}`));
        pane.scrollTop = pane.scrollHeight;
        setTimeout(go, 10);
      };
      go();
    });
  },

  /** By one to seven times so many pixels a frame, as a thrown wheel does. Milliseconds of each frame; most rows in the DOM. */
  scroll(frames, pixels) {
    const pane = document.querySelector("[data-testid=rows]");
    const times = [];
    let [most, before, direction] = [0, performance.now(), -1];
    return new Promise((done) => {
      const step = (now) => {
        times.push(now - before);
        before = now;
        most = Math.max(most, pane.querySelectorAll("[role=row]").length);
        if (times.length > frames) return done({ times: times.slice(1), most });
        if (pane.scrollTop < pixels) direction = 1;
        pane.scrollTop += direction * pixels * (1 + (times.length % 7));
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    });
  },

  frames: [],
  tasks: [],

  /** Every frame and every long task from now on. */
  watch() {
    let before = performance.now();
    const step = (now) => {
      this.frames.push(now - before);
      before = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
    const heard = (list) => this.tasks.push(...list.getEntries().map((one) => one.duration));
    new PerformanceObserver(heard).observe({ type: "longtask" });
  },
};
