/** What workspaces used of the model, and what they may use. */
export { type Charge, untilTomorrow } from './account.ts';
export { BudgetSpentError, type Call, type Hold, Ledger } from './ledger.ts';
export { OldAccounts } from './old-accounts.ts';
export { costLimitOf, highestPrice, priceOf, pricesOf } from './prices.ts';
export { UsageRecords } from './usage-records.ts';
export { UsageReports } from './usage-reports.ts';
