// Starts whichever reader of the API's description the page has loaded.
(() => {
  const place = document.getElementById("api-description");
  if (window.SwaggerUIBundle) {
    window.SwaggerUIBundle({
      url: place.dataset.schema,
      domNode: place,
      deepLinking: true,
      // Nothing is asked of a validator on the Internet.
      validatorUrl: null,
      presets: [window.SwaggerUIBundle.presets.apis],
      requestInterceptor: (request) => {
        if (new URL(request.url, location.href).origin === location.origin) {
          request.headers["X-CSRFToken"] = place.dataset.csrf;
        }
        return request;
      },
    });
  } else if (window.Redoc) {
    // Its search runs in a worker made from text, which the content security policy refuses.
    window.Redoc.init(place.dataset.schema, { disableSearch: true, hideFab: true, nonce: place.dataset.nonce }, place);
  }
})();
