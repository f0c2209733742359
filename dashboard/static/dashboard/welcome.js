// Looks again whether there are new devices: by the clock while somebody can see the page, and after each adoption.
(function () {
  "use strict";

  let answered = null;

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.welcome = {
    rollCall: function (ticks, adopted) {
      if (adopted && adopted !== answered) {
        answered = adopted;
        return adopted;
      }
      return document.visibilityState === "visible" && ticks ? ticks : window.dash_clientside.no_update;
    },
  };
})();
