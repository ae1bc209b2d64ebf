import { describeCounter } from './contract.ts';
import { startRunningCounter } from './running-counter.ts';

describeCounter('HTTPS service over SQLite', () => startRunningCounter());
