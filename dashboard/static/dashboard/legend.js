// The legends of graphs by keyboard: each line's entry is a button that Tab reaches. Enter and the space bar do what a
// click does, Shift+Enter what a double click does.
(function () {
  "use strict";

  function entriesOf(graph) {
    const isClickable = graph.layout.legend && graph.layout.legend.itemclick !== false;
    return isClickable ? Array.from(graph.querySelectorAll(".legend .traces")) : [];
  }

  // Plotly keeps the line of an entry with its element.
  function groupOf(entry) {
    const trace = entry.__data__[0].trace;
    return trace.legendgroup || trace.uid;
  }

  function isOf(group, trace) {
    return (trace.legendgroup || trace.uid) === group;
  }

  function isShown(trace) {
    return trace.visible !== "legendonly";
  }

  function restyle(graph, visibleOf) {
    const visible = graph.data.map((trace) => (visibleOf(trace) ? true : "legendonly"));
    window.Plotly.restyle(graph, { visible: visible }, graph.data.map((trace, index) => index));
  }

  function toggle(graph, group) {
    restyle(graph, (trace) => (isOf(group, trace) ? !isShown(trace) : isShown(trace)));
  }

  function isolate(graph, group) {
    const isAlone = graph.data.every((trace) => isShown(trace) === isOf(group, trace));
    restyle(graph, (trace) => isAlone || isOf(group, trace));
  }

  function press(event) {
    const entry = event.currentTarget;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const graph = entry.closest(".js-plotly-plot");
      graph.ct6Focus = groupOf(entry);
      (event.shiftKey ? isolate : toggle)(graph, groupOf(entry));
    }
  }

  function label(graph) {
    entriesOf(graph).forEach(function (entry) {
      const said = {
        tabindex: "0",
        role: "button",
        "aria-label": entry.querySelector(".legendtext").textContent,
        "aria-pressed": String(isShown(entry.__data__[0].trace)),
        "aria-description": gettext("Shows or hides this line; with Shift and Enter it alone, or all again"),
      };
      Object.entries(said).filter((each) => entry.getAttribute(each[0]) !== each[1]).forEach(function (each) {
        entry.setAttribute(each[0], each[1]);
      });
      if (!entry.ct6Listens) {
        entry.ct6Listens = true;
        entry.addEventListener("keydown", press);
      }
      // A drawing may have made the entries anew.
      if (graph.ct6Focus === groupOf(entry) && document.activeElement === document.body) {
        entry.focus();
      }
    });
  }

  // From the next drawing on, and for good.
  function reach(name) {
    const graph = document.querySelector("#" + name + " .js-plotly-plot");
    if (!graph || !graph.on) {
      window.setTimeout(reach, 100, name);
    } else if (!graph.ct6IsReachable) {
      graph.ct6IsReachable = true;
      graph.on("plotly_afterplot", () => label(graph));
      graph.addEventListener("focusout", function (event) {
        graph.ct6Focus = event.relatedTarget ? null : graph.ct6Focus;
      });
      label(graph);
    }
  }

  window.ct6Legend = { reach: reach };
})();
