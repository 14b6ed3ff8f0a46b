// Asking the desk. Addresses are relative, so the token in the page's own address goes along.

export class Refusal extends Error {
  constructor(status, said) {
    super(said.error ?? `the server answered ${status}`);
    this.status = status;
    this.standing = said.standing ?? null;
  }
}

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch {
    throw new Refusal(0, { error: "The review was ended in the terminal. Start it again and open the new address." });
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, said);
  return said;
}

const post = (path, body) =>
  asked(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const state = () => asked("state");

export const queue = (wanted) => asked(`queue?${new URLSearchParams(wanted)}`);

export const item = ({ what, name }) =>
  asked(`item?${new URLSearchParams([["what", what], ...name.map((each) => ["name", each])])}`);

export const decide = ({ what, name, known }, verdict, reason) => post("decide", { what, name, known, verdict, reason });

export const undo = ({ what, name, known }) => post("undo", { what, name, known });

export const reload = () => post("reload", {});
