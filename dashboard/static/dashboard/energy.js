// The browser's part of the energy view.
(function () {
  "use strict";
  window.dash_clientside = window.dash_clientside || {};

  // The words of the address that each part of the view follows.
  const RANGE = ["device", "range", "day", "start", "stop"];
  const PARTS = [["bucket", "bars"], [], ["heat"]].map((own) => RANGE.concat(own)); // bars, balance, heat map

  let isSeen = false;

  function isLookedAt(search) {
    return new URLSearchParams(search || "").get("view") === "energy";
  }

  // What the server wrote with its numbers in English, as the browser's user writes it.
  function said(told) {
    return window.dash_clientside.plot.inOwnLocale({ props: told }).props.children;
  }

  function inOwnLocale(figure) {
    const layout = Object.assign({}, figure.layout, { separators: window.dash_clientside.plot.separators() });
    return { data: figure.data, layout: layout };
  }

  // The bars with the numbers that stand in names of buckets. A trace tells the name that it begins with.
  function named(figure) {
    const names = figure.layout.xaxis.categoryarray.slice();
    figure.partly.forEach(function (part) {
      names[part[0]] = said(part[1]);
    });
    const layout = Object.assign({}, figure.layout);
    layout.xaxis = Object.assign({}, layout.xaxis, { categoryarray: names });
    const data = figure.data.map((trace) => Object.assign({}, trace, { x0: names[0] }));
    return inOwnLocale({ data: data, layout: layout });
  }

  window.dash_clientside.energy = {
    // When to read anew: every minute while somebody looks at this view, and as soon as somebody does, since the other
    // view has told newer numbers.
    minute: function (search, look, before) {
      const wasSeen = isSeen;
      isSeen = isLookedAt(search);
      const now = Date.now();
      const isOver = Math.floor(now / 60000) !== Math.floor((before || 0) / 60000);
      return isSeen && (isOver || !wasSeen) ? now : window.dash_clientside.no_update;
    },

    // What each part asks now, where that is another question than before.
    asked: function (search, scheme) {
      const before = Array.from(arguments).slice(2);
      const words = new URLSearchParams(search || "");
      return PARTS.map(function (names, index) {
        const asked = { scheme: scheme, words: names.map((name) => words.get(name)) };
        const isAsked = JSON.stringify(asked) === JSON.stringify(before[index]);
        return isAsked || !isLookedAt(search) ? window.dash_clientside.no_update : asked;
      });
    },

    // New bars, with the same ones left out as before, where both are of the same ports.
    bars: function (drawn) {
      window.ct6Legend.reach("energy-bars");
      const figure = named(drawn);
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

    flow: function (figure) {
      const data = figure.data.map(function (picture) {
        const labels = picture.node.customdata.map((name, index) => name + "<br>" + said(figure.energies[index]));
        return Object.assign({}, picture, { node: Object.assign({}, picture.node, { label: labels }) });
      });
      return inOwnLocale({ data: data, layout: figure.layout });
    },

    figure: inOwnLocale,
  };
})();
