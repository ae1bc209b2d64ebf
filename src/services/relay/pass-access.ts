/** Lets a session do what its relay passes say: everything in the groups that they are for, and nothing anywhere else. */
import { createHash } from 'node:crypto';
import { verifyEd25519 } from '../../io/crypto/raw-keys.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import type { GroupCrypto } from '../../protocol/group/crypto-port.ts';
import { groupNamespace } from '../../protocol/group/names.ts';
import { judgeRelayPass, RELAY_PASS_TYPE } from '../../protocol/group/relay-pass.ts';
import { RequestErrorCode } from '../../protocol/moqt/codes.ts';
import type { TrackNamespace } from '../../protocol/moqt/model.ts';
import type { AuthorizationToken, RequestRefusal } from '../../protocol/moqt/session-api.ts';
import type { AccessPolicy, SessionAccess } from '../../protocol/relay/policy.ts';

/** Bounds for one session. */
export const PASS_LIMITS = {
  /** Passes that are remembered, so that each is verified once. */
  remembered: 8,
  /** Passes that turned out to be worth nothing, after which no more are looked at. */
  failures: 16,
} as const;

const NO_PASS: RequestRefusal = {
  code: RequestErrorCode.UNAUTHORIZED,
  reason: 'this relay asks for a pass of the meeting',
};
const OTHER_PASS: RequestRefusal = {
  code: RequestErrorCode.UNAUTHORIZED,
  reason: 'the pass is for another relay or another meeting',
};
const MALFORMED: RequestRefusal = {
  code: RequestErrorCode.MALFORMED_AUTH_TOKEN,
  reason: 'the pass is no relay pass',
};

type PassCrypto = Pick<GroupCrypto, 'sha256' | 'verifyEd25519'>;

const nodePassCrypto: PassCrypto = {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  verifyEd25519,
};

/**
 * Asks for a pass for every namespace.
 * @param authorities - under which this relay is known now, by `relayAuthorityOf`.
 */
export function passAccess(
  authorities: () => readonly string[],
  crypto: PassCrypto = nodePassCrypto,
): AccessPolicy {
  return { accessOf: (tokens) => new PassAccess(tokens, authorities, crypto) };
}

/** A pass that was found valid, and the first field of the namespaces that it is for. */
interface KnownPass {
  readonly pass: Uint8Array;
  readonly field: Uint8Array;
}

type Judgement =
  { readonly kind: 'valid'; readonly field: Uint8Array } | { readonly kind: 'malformed' | 'invalid' };

class PassAccess implements SessionAccess {
  readonly #ofSession: readonly AuthorizationToken[];
  readonly #authorities: () => readonly string[];
  readonly #crypto: PassCrypto;
  #known: KnownPass[] = [];
  #failures = 0;

  constructor(
    ofSession: readonly AuthorizationToken[],
    authorities: () => readonly string[],
    crypto: PassCrypto,
  ) {
    this.#ofSession = ofSession;
    this.#authorities = authorities;
    this.#crypto = crypto;
  }

  refusal(namespace: TrackNamespace, tokens: readonly AuthorizationToken[]): RequestRefusal | undefined {
    const [field] = namespace;
    let refusal = NO_PASS;
    for (const { type, value } of [...tokens, ...this.#ofSession]) {
      if (type !== RELAY_PASS_TYPE) continue;
      const judgement = this.#judge(value);
      if (judgement.kind === 'malformed') return MALFORMED;
      if (judgement.kind === 'valid' && field !== undefined && equal(judgement.field, field))
        return undefined;
      refusal = OTHER_PASS;
    }
    return refusal;
  }

  #judge(pass: Uint8Array): Judgement {
    const known = this.#known.find((each) => equal(each.pass, pass));
    if (known !== undefined) return { kind: 'valid', field: known.field };
    // Without authorities nothing is verified, and all that has the length of a pass is worth nothing.
    const authorities = this.#failures < PASS_LIMITS.failures ? this.#authorities() : [];
    const verdict = judgeRelayPass(pass, authorities, this.#crypto);
    if (verdict.kind === 'invalid') this.#failures += 1;
    if (verdict.kind !== 'valid') return verdict;
    const [field] = groupNamespace(verdict.group);
    if (field === undefined) return { kind: 'invalid' };
    this.#known = [...this.#known.slice(1 - PASS_LIMITS.remembered), { pass: pass.slice(), field }];
    return { kind: 'valid', field };
  }
}
