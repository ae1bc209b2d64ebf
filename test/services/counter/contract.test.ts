import { describeCounter } from './contract.ts';
import { describeRestoredCounter } from './restored-contract.ts';
import { startRunningCounter } from './running-counter.ts';

describeCounter('HTTPS service over SQLite', () => startRunningCounter());
describeRestoredCounter('HTTPS service over SQLite', () => startRunningCounter());
