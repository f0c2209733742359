// The names of days and months for the calendar and the plots, in the page's language, as the browser knows them.
(function () {
  "use strict";
  const language = document.documentElement.lang || "en";

  // 2023 began on a Sunday.
  function days(width) {
    const format = new Intl.DateTimeFormat(language, { weekday: width, timeZone: "UTC" });
    return Array.from({ length: 7 }, (_, day) => format.format(Date.UTC(2023, 0, 1 + day)));
  }

  function months(width) {
    const format = new Intl.DateTimeFormat(language, { month: width, timeZone: "UTC" });
    return Array.from({ length: 12 }, (_, month) => format.format(Date.UTC(2023, month, 1)).replace(/\.$/, ""));
  }

  window["dayjs_locale_" + language] = {
    name: language,
    weekdays: days("long"),
    weekdaysShort: days("short"),
    weekdaysMin: days("short"),
    months: months("long"),
    monthsShort: months("short"),
    weekStart: 1,
    ordinal: String,
    formats: {},
    relativeTime: {},
  };

  // Plotly takes these up when it is loaded; its own languages are English only.
  if (!language.startsWith("en")) {
    const words = {
      "Autoscale": gettext("Autoscale"),
      "Download plot as a PNG": gettext("Download plot as a PNG"),
      "Double-click on legend to isolate one trace": gettext("Double-click on legend to isolate one trace"),
      "Double-click to zoom back out": gettext("Double-click to zoom back out"),
      "Pan": gettext("Pan"),
      "Reset axes": gettext("Reset axes"),
      "Snapshot succeeded": gettext("The picture is made"),
      "Sorry, there was a problem downloading your snapshot!": gettext("The picture could not be made."),
      "Taking snapshot - this may take a few seconds": gettext("The picture is being made; this may take some seconds."),
      "Zoom": gettext("Zoom"),
      "Zoom in": gettext("Zoom in"),
      "Zoom out": gettext("Zoom out"),
    };
    window.PlotlyLocales = [{
      moduleType: "locale",
      name: language,
      dictionary: words,
      format: { days: days("long"), shortDays: days("short"), months: months("long"), shortMonths: months("short") },
    }];
  }
})();
