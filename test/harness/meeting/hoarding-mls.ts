/** MLS of a member that breaks the rules: it keeps every key that it ever had. */
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { BegunEpoch, GroupHandle } from '../../../src/protocol/group/mls.ts';

export class HoardingMls extends TsMlsAdapter {
  /** Master keys by epoch. */
  readonly masterKeys = new Map<bigint, Uint8Array>();
  /** The newest state of MLS, with all its secrets. */
  state: { readonly membership: MlsMembership; readonly bytes: Uint8Array } | undefined;
  #membership: MlsMembership | undefined;

  override async createGroup(
    ...args: Parameters<TsMlsAdapter['createGroup']>
  ): ReturnType<TsMlsAdapter['createGroup']> {
    const created = await super.createGroup(...args);
    await this.#hoard(args[0], created.group, created);
    return created;
  }

  override async join(...args: Parameters<TsMlsAdapter['join']>): ReturnType<TsMlsAdapter['join']> {
    const outcome = await super.join(...args);
    if (outcome.kind === 'joined') await this.#hoard(args[0], outcome.group, outcome);
    return outcome;
  }

  override async apply(...args: Parameters<TsMlsAdapter['apply']>): ReturnType<TsMlsAdapter['apply']> {
    const begun = await super.apply(...args);
    if (this.#membership !== undefined) await this.#hoard(this.#membership, args[0], begun);
    return begun;
  }

  async #hoard(
    membership: MlsMembership,
    group: GroupHandle,
    { view, masterKey }: BegunEpoch,
  ): Promise<void> {
    this.#membership = membership;
    this.masterKeys.set(view.epoch, masterKey.slice());
    this.state = { membership, bytes: await this.serialise(group) };
  }
}
