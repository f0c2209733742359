// Small plots, drawn as SVG from what the server tells: readings by round, and values over time.
"use strict";

const ct6Plots = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 480;
  const HEIGHT = 240;
  const EDGE = { left: 52, right: 12, top: 40, bottom: 36 }; // above: names, and a reference at the very top

  function add(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  // From the numbers to the pixels; a range of nothing gets some room around it.
  function scale(low, high, from, to) {
    const room = high > low ? 0 : Math.abs(low) * 0.01 || 1;
    const [first, last] = [low - room, high + room];
    return (value) => from + ((value - first) / (last - first)) * (to - from);
  }

  // Round numbers of which about four lie between low and high.
  function ticks(low, high) {
    const span = high - low || Math.abs(low) || 1;
    const power = 10 ** Math.floor(Math.log10(span / 4));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= 5);
    const found = [];
    for (let index = Math.ceil(low / step); index * step <= high + step / 1e6; index += 1) found.push(index * step);
    return { values: found, digits: Math.max(0, -Math.floor(Math.log10(step))) };
  }

  function drawAxes(svg, plot, x, y, values, mostRounds) {
    const marks = ticks(Math.min(...values), Math.max(...values));
    for (const value of marks.values) {
      add(svg, "line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) });
      const place = { x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" };
      add(svg, "text", place, value.toFixed(marks.digits));
    }
    const every = Math.ceil(mostRounds / 10);
    for (let round = 1; round <= mostRounds; round += every) {
      add(svg, "text", { x: x(round), y: HEIGHT - EDGE.bottom + 16, "text-anchor": "middle" }, round);
    }
    add(svg, "text", { x: WIDTH - EDGE.right, y: HEIGHT - 4, "text-anchor": "end" }, plot.x);
    add(svg, "text", { x: 0, y: 12 }, plot.y);
  }

  function rounds(svg, plot) {
    svg.replaceChildren();
    svg.parentElement.classList.toggle("ct6-empty", !plot);
    if (!plot) return;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    const values = [plot.reference, ...plot.lines.flatMap((line) => line.points.map((point) => point[1]))];
    const mostRounds = Math.max(...plot.lines.map((line) => line.points.length));
    const x = scale(1, mostRounds, EDGE.left + 10, WIDTH - EDGE.right - 10);
    const y = scale(Math.min(...values), Math.max(...values), HEIGHT - EDGE.bottom, EDGE.top);
    drawAxes(svg, plot, x, y, values, mostRounds);
    const height = y(plot.reference);
    add(svg, "line", { class: "reference", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: height, y2: height });
    const label = { class: "reference", x: WIDTH - EDGE.right, y: height - 5, "text-anchor": "end" };
    add(svg, "text", label, `${plot.reference_name} ${plot.reference}`);
    plot.lines.forEach((line, index) => {
      const group = add(svg, "g", { class: `line-${index % 2}` });
      const points = line.points.map(([round, reading]) => [x(round), y(reading)]);
      add(group, "polyline", { points: points.map((point) => point.join(",")).join(" ") });
      for (const [cx, cy] of points) add(group, "circle", { cx, cy, r: 3.5 });
      add(group, "text", { class: "name", x: WIDTH - EDGE.right - index * 190, y: 12, "text-anchor": "end" }, line.name);
    });
  }

  // Steps, since a value holds until the next one.
  function spark(svg, points) {
    const [width, height] = [192, 36];
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const values = points.map((point) => point[1]);
    const x = scale(points[0][0], Math.max(Date.now(), points[0][0] + 1), 4, width - 6);
    const y = scale(Math.min(...values), Math.max(...values), height - 5, 5);
    const corners = points.flatMap(([at, value], index) =>
      index ? [[x(at), y(values[index - 1])], [x(at), y(value)]] : [[x(at), y(value)]],
    );
    corners.push([width - 6, y(values[values.length - 1])]);
    add(svg, "polyline", { points: corners.map((corner) => corner.join(",")).join(" ") });
    for (const [at, value] of points) add(svg, "circle", { cx: x(at), cy: y(value), r: 2.5 });
  }

  return { rounds, spark };
})();
