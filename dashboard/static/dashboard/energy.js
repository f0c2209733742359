// The browser's part of the energy view.
(function () {
  "use strict";
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.energy = {
    // The minute that it is, when it is another one than before.
    minute: function (path, look, before) {
      const now = Math.floor(Date.now() / 60000);
      return now === before ? window.dash_clientside.no_update : now;
    },

    // New bars, with the same ones left out as before, where both are of the same ports.
    keepLeftOut: function (figure) {
      const graph = document.querySelector("#energy-bars .js-plotly-plot");
      const legend = (graph && graph.layout && graph.layout.legend) || {};
      if (legend.uirevision !== figure.layout.legend.uirevision) {
        return figure;
      }
      const leftOut = graph.data.filter((trace) => trace.visible === "legendonly").map((trace) => trace.uid);
      const data = figure.data.map((trace) =>
        leftOut.includes(trace.uid) ? Object.assign({}, trace, { visible: "legendonly" }) : trace);
      return { data: data, layout: figure.layout };
    },
  };
})();
