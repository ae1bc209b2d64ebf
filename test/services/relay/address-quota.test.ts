import { describe, expect, test } from 'vitest';
import { AddressQuota } from '../../../src/services/relay/address-quota.ts';

describe('sessions of one address', () => {
  test('are counted whatever the port, and those of others do not matter', () => {
    const quota = new AddressQuota(2);
    const first = quota.take('192.0.2.1:1000');
    expect(quota.take('192.0.2.1:1001')).toBeDefined();
    expect(quota.take('192.0.2.1:1002')).toBeUndefined();
    expect(quota.take('192.0.2.2:1002')).toBeDefined();
    first?.();
    expect(quota.take('192.0.2.1:1002')).toBeDefined();
    expect(quota.take('192.0.2.1:1003')).toBeUndefined();
  });

  test('are those of 64 bits of IPv6, and the same over IPv4 whatever the socket', () => {
    const quota = new AddressQuota(1);
    expect(quota.take('[2001:db8::1]:1000')).toBeDefined();
    expect(quota.take('[2001:db8::2]:1000')).toBeUndefined();
    expect(quota.take('[2001:db8:0:1::2]:1000')).toBeDefined();
    expect(quota.take('[::ffff:192.0.2.1]:1000')).toBeDefined();
    expect(quota.take('192.0.2.1:1000')).toBeUndefined();
  });
});
