// Passkeys: the browser's ceremony for forms with data-passkey = add | use | login.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

function sent(credential) {
  const { response } = credential;
  const body = {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { clientDataJSON: text(response.clientDataJSON) },
  };
  if (credential.authenticatorAttachment) body.authenticatorAttachment = credential.authenticatorAttachment;
  if (response.attestationObject) {
    body.response.attestationObject = text(response.attestationObject);
    body.response.transports = response.getTransports?.() || [];
  } else {
    body.response.authenticatorData = text(response.authenticatorData);
    body.response.signature = text(response.signature);
    body.response.userHandle = response.userHandle ? text(response.userHandle) : null;
  }
  return body;
}

async function make({ publicKey }, alone) {
  const selection = { ...publicKey.authenticatorSelection, residentKey: alone ? "required" : "discouraged", requireResidentKey: alone };
  if (alone) selection.userVerification = "required";
  return navigator.credentials.create({
    publicKey: {
      ...publicKey,
      authenticatorSelection: selection,
      challenge: bytes(publicKey.challenge),
      user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: known(publicKey.excludeCredentials),
    },
  });
}

const use = ({ publicKey }) => navigator.credentials.get({
  publicKey: { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: known(publicKey.allowCredentials) },
});

async function ceremony(form) {
  const kind = form.dataset.passkey;
  if (kind === "login") {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return use((await answer.json()).request_options);
  }
  const given = JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent);
  return kind === "add" ? make(given.creation_options, form.elements.passwordless.checked) : use(given.request_options);
}

document.querySelectorAll("form[data-passkey]").forEach((form) => {
  const failed = form.querySelector("[data-passkey-failed]");
  const button = form.querySelector("[data-passkey-go]");
  if (!window.PublicKeyCredential) { button.disabled = true; return; }
  form.hidden = false;
  button.addEventListener("click", async () => {
    failed.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify(sent(await ceremony(form)));
      form.submit();
    } catch {
      failed.hidden = false;
    }
  });
});
