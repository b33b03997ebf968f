/**
 * What hack/test.sh hears from vitest: a line of progress after every test, and at the end a file with the counts and
 * the failures. TEST_REPORT is its path.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** The file. A test file that can't be loaded, an error outside of every test and a run without tests count as failures. */
export interface Report {
  passed: number;
  failed: number;
  skipped: number;
  failures: { where: string; why: string }[];
}

export default class ProgressReporter implements Reporter {
  readonly #counts = { passed: 0, failed: 0, skipped: 0 };

  onTestCaseReady(test: TestCase): void {
    this.#progress(test);
  }

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state !== 'pending') this.#counts[state] += 1;
    if (state === 'failed') console.log(`failed: ${where(test)}`);
    this.#progress(test);
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<{ message: string }>): void {
    const failures = modules.flatMap((module) => [
      ...module.errors().map(({ message }) => ({ where: file(module), why: message })),
      ...[...module.children.allSuites()].flatMap((suite) =>
        suite.errors().map(({ message }) => ({ where: `${file(module)} > ${suite.fullName}`, why: message })),
      ),
      ...[...module.children.allTests('failed')].map((test) => ({
        where: where(test),
        why: test.result().errors?.[0]?.message ?? '',
      })),
    ]);
    failures.push(...unhandled.map(({ message }) => ({ where: 'outside of every test', why: message })));
    const { passed, skipped } = this.#counts;
    if (passed + failures.length === 0) failures.push({ where: 'this suite', why: 'it has no tests' });
    const report: Report = { passed, failed: failures.length, skipped, failures };
    writeFileSync(process.env.TEST_REPORT ?? 'report.json', JSON.stringify(report));
  }

  #progress(test: TestCase): void {
    const { passed, failed } = this.#counts;
    console.log(`progress: ${passed} passed, ${failed} failed, in ${file(test.module)}`);
  }
}

const file = (module: TestModule) => relative(process.cwd(), module.moduleId);
const where = (test: TestCase) => `${file(test.module)} > ${test.fullName}`;
