import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { ModelAnswer, ModelRequest, StreamOptions } from '../../model/model-client.ts';
import { startRealTools } from '../../testing/real-tools.ts';
import { RecordingModel } from '../../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../../testing/workspace.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;

type Permissions = Partial<TestWorkspace['config']['permissions']>;
async function start(permissions: Permissions = {}): Promise<void> {
  workspace = await TestWorkspace.create({ permissions });
  endTools = await startRealTools(workspace, '/bin/false');
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
afterEach(async () => {
  await endTools();
  await workspace.close();
});

const put = (path: string, text: string) => workspace.put(path, text);
const putSkill = (name: string, fields: string, body: string, folder = '.claude/skills') =>
  put(`${folder}/${name}/SKILL.md`, `---\n${fields}\n---\n${body}`);
let count = 0;
async function tell(text: string): Promise<string> {
  count += 1;
  await agent.send(`m${count}`, text);
  const record = await agent.settled(`m${count}`);
  if (record.reply === undefined) throw new Error(`no reply: ${JSON.stringify(record)}`);
  return record.reply.text;
}
const useSkill = (skill: string, args?: string) => `tool Skill ${JSON.stringify({ skill, args })}`;
/** Does as the note to a skill that a person started says, which is not one of the script's own instructions. */
class ObedientModel extends RecordingModel {
  override stream(request: ModelRequest, options: StreamOptions): Promise<ModelAnswer> {
    const messages = JSON.stringify(request.messages).replace(
      /by the tool Skill with (\{.*?\}), and tell/,
      '\\ntool Skill $1\\n',
    );
    return super.stream({ ...request, messages: JSON.parse(messages) }, options);
  }
}
/** All that stood before the first prompt of the newest request. */
const opening = () => model.texts(0).slice(0, -1).join('\n');

describe('skills', () => {
  it('are listed with what they are for, and their text comes when one is started', async () => {
    await start();
    await putSkill(
      'review',
      'description: Reviews a change.\nwhen_to_use: When asked to.',
      'BODY of $0 for $ARGUMENTS',
    );
    await putSkill('deploy', 'description: Deploys.\ndisable-model-invocation: true', 'DEPLOY');
    await put('.claude/commands/front/make.md', 'Makes a page.\n\nThen more.');
    const reply = await tell(useSkill('review', 'one two'));
    expect(opening()).toContain('- review: Reviews a change. When asked to.');
    expect(opening()).toContain('- front:make: Makes a page.');
    expect(opening()).not.toMatch(/deploy|BODY|DEPLOY/i);
    expect(reply).toContain(`Folder of this skill: ${join(workspace.home, '.claude/skills/review')}`);
    expect(reply).toContain('BODY of one for one two');
    expect(await tell(useSkill('deploy'))).toContain('Only a person may start deploy, with /deploy');
    expect(await tell(useSkill('none'))).toContain('There are: front:make, review.');
  });

  it('are new with the next message, and as they are when one is started', async () => {
    await start();
    await tell('say: hi');
    expect(opening()).not.toContain('Skills of this workspace');
    await putSkill('new', 'description: New.', 'ONE');
    expect(await tell(useSkill('/new', 'more'))).toMatch(/ONE\n\nARGUMENTS: more/);
    await putSkill('new', 'description: New.', 'TWO');
    expect(await tell(useSkill('new'))).toMatch(/TWO$/);
  });

  it('of folders further down are told of once the work gets there, under a name of their own', async () => {
    await start();
    await putSkill('deploy', 'description: All.', 'TOP');
    await putSkill('deploy', 'description: Web.', 'WEB', 'apps/web/.claude/skills');
    await putSkill('test', 'description: Tests.', 'TEST', 'apps/web/.claude/skills');
    await put('apps/web/a.txt', 'text');
    expect(await tell(useSkill('apps/web:deploy'))).toContain('There is no skill apps/web:deploy');
    await tell('read apps/web/a.txt');
    expect(model.texts(-1).join()).toMatch(/- apps\/web:deploy: Web\.\n- test: Tests\./);
    expect(await tell(useSkill('apps/web:deploy'))).toContain('WEB');
    expect(await tell(useSkill('deploy'))).toContain('TOP');
    expect(await tell(useSkill('test'))).toContain('TEST');
  });

  it('that are broken are named with file and line, and harm nothing', async () => {
    await start();
    await putSkill('good', 'description: Good.', 'GOOD');
    await putSkill('bad', 'description: Bad.\nname: "open', 'BAD');
    await putSkill('odd', 'description: Odd.\nuser-invocable: perhaps', 'ODD');
    expect(await tell(useSkill('good'))).toContain('GOOD');
    expect(opening()).toMatch(/skills\/bad\/SKILL\.md:[34]: /);
    expect(opening()).toMatch(/skills\/odd\/SKILL\.md:3: user-invocable: must be true or false/);
    expect(opening()).not.toMatch(/^- (bad|odd)/m);
  });

  it('are all named, however many there are, within a limit', async () => {
    await start();
    const long = 'word '.repeat(400);
    await Promise.all(Array.from({ length: 60 }, (_, at) => putSkill(`s${at}`, `description: ${long}`, 'x')));
    await tell('say: hi');
    expect(opening().match(/^- s\d+: word/gm)).toHaveLength(60);
    expect(opening().length).toBeLessThan(10_500);
  });
});

describe('what a skill may use', () => {
  const fields = 'description: Greets.\nallowed-tools: Bash(echo *), Bash(date)';

  it('is not granted to the model by the file alone', async () => {
    await start({ mode: 'default' });
    await putSkill('greet', fields, 'Greet.');
    count += 1;
    await agent.send(`m${count}`, `${useSkill('greet')}\nrun: echo hello`);
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(approvals[0]?.summary).toBe('echo hello');
  });

  it('is granted for one turn where a rule of the workspace names the skill', async () => {
    await start({ mode: 'default', allow: ['Skill(greet)'] });
    await putSkill('greet', fields, 'Greet.');
    expect(await tell(`${useSkill('greet')}\nrun: echo hello`)).toContain('hello');
    count += 1;
    await agent.send(`m${count}`, 'run: echo again');
    await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
  });

  it('never goes beyond what is denied, and a skill can do without tools', async () => {
    await start({ mode: 'default', allow: ['Skill(greet)'], deny: ['Bash(echo bad)', 'Skill(secret *)'] });
    await putSkill('greet', `${fields}\ndisallowed-tools: Glob`, 'Greet.');
    await putSkill('secret', 'description: x', 'SECRET');
    const reply = await tell(`${useSkill('greet')}\nrun: echo bad\ntool Glob {"pattern":"*"}`);
    expect(reply).toContain('Bash(echo bad) forbids it');
    expect(reply).toContain('the rule Glob forbids it');
    expect(await tell(useSkill('secret'))).toContain('Skill(secret *) forbids it');
  });
});

describe('a skill with context: fork', () => {
  const fields = 'description: Checks.\ncontext: fork\nallowed-tools: Bash(echo *)';

  it('is the task of a subagent, whose report is what the tool returns', async () => {
    await start();
    await putSkill('check', `${fields}\nagent: Explore`, 'run: echo checked $0\nwrite a.txt: x');
    const reply = await tell(`remember: of the parent\n${useSkill('check', 'this')}\nrecall`);
    expect(reply).toContain('checked this');
    expect(reply).toContain('No tool named Write was offered');
    expect(reply).toContain('agentId: ');
    const [own] = model.requests.filter(({ system }) => system.includes('given a task by another agent'));
    expect(JSON.stringify(own?.messages)).not.toContain('of the parent');
  });

  it('has what it may use where a person started it, or a rule names it, and nowhere else', async () => {
    await start({ mode: 'default' });
    await putSkill('check', fields, 'run: echo checked $0');
    await agent.stop();
    agent = await workspace.start(new ObedientModel(workspace));
    expect(await tell('/check this')).toContain('checked this');
    count += 1;
    await agent.send(`m${count}`, useSkill('check', 'that'));
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1);
    expect(approvals[0]?.summary).toMatch(/^subagent general-purpose \(\/check\): echo checked that$/);
  });

  it('does not start where the subagent is denied', async () => {
    await start({ deny: ['Agent(Explore)'] });
    await putSkill('check', `${fields}\nagent: Explore`, 'run: touch made');
    expect(await tell(useSkill('check'))).toContain('the rule Agent(Explore) forbids it');
  });

  it('goes on after a restart without being started again', async () => {
    await start();
    await put(
      '.claude/commands/begun.md',
      '---\ncontext: fork\n---\n!`echo once >> begun.txt`\nwait: 1\nsay: the end',
    );
    await agent.send('m', useSkill('begun'));
    await agent.stateWhen((state) => state.subagents.length === 1);
    await agent.stop();
    agent = await workspace.start(model);
    expect((await agent.settled('m')).reply?.text).toContain('the end');
    expect(await readFile(join(workspace.home, 'begun.txt'), 'utf8')).toBe('once\n');
    expect(
      model.requests.filter(({ system }) => system.includes('given a task by another agent')),
    ).not.toHaveLength(0);
  });
});

describe('the frontmatter of a skill', () => {
  it('names the model that answers for the rest of the turn', async () => {
    await start();
    const usual = workspace.config.model.name;
    await putSkill('deep', 'description: Thinks.\nmodel: some-model', 'THINK');
    await putSkill('family', 'description: Thinks.\nmodel: opus', 'THINK');
    await tell(`${useSkill('deep')}\nsay: done`);
    expect(model.requests.map((request) => request.model)).toEqual([usual, 'some-model']);
    await tell(`${useSkill('family')}\nsay: done`);
    expect(model.requests.slice(2).map((request) => request.model)).toEqual([usual, usual]);
  });

  it('keeps a skill with paths from the model until the work reaches such a file', async () => {
    await start();
    await putSkill('style', 'description: Styles.\npaths: "src/**/*.{css,scss}, *.less"', 'STYLE');
    await putSkill('other', 'description: Others.\npaths: ["docs/**"]', 'OTHER');
    await put('src/a.ts', 'text');
    await put('src/web/a.css', 'text');
    await tell('read src/a.ts');
    expect(JSON.stringify(model.requests.at(-1))).not.toContain('- style: Styles.');
    await tell('read src/web/a.css');
    expect(model.texts(-1).join()).toContain('- style: Styles.');
    await tell('read src/web/a.css');
    expect(JSON.stringify(model.requests.at(-1)).split('- style: Styles.')).toHaveLength(2);
    expect(JSON.stringify(model.requests.at(-1))).not.toContain('- other: Others.');
    expect(await tell(useSkill('other'))).toContain('OTHER');
  });

  it('that is wrong is named, with its line', async () => {
    await start();
    await putSkill('odd', `description: Odd.\ncontext: knife\npaths: "${'{a,b}'.repeat(9)}"`, 'ODD');
    await tell('say: hi');
    expect(opening()).toMatch(/skills\/odd\/SKILL\.md:3: context: must be fork, or not there/);
    expect(opening()).toMatch(/skills\/odd\/SKILL\.md:4: paths: /);
  });
});

describe('commands inside a skill', () => {
  it('run before the model reads it, and what they print is text', async () => {
    await start();
    await put('out.txt', '!`echo no` $0');
    const body = `Now: !\`echo $0; cat out.txt\`\n\`\`\`!\necho a\necho b >&2\n\`\`\`\nfrom \${CLAUDE_SKILL_DIR}`;
    await putSkill('look', 'description: x', body);
    const reply = await tell(useSkill('look', 'arg'));
    expect(reply).toContain('Now: arg\n!`echo no` $0');
    expect(reply).toMatch(/^a\nb$/m);
    expect(reply).toContain('from /');
  });

  it('that no rule permits, or that fail, end the whole of it, and nobody is asked', async () => {
    await start({ mode: 'default', allow: ['Bash(false)'] });
    await putSkill('ask', 'description: x\nallowed-tools: Bash(touch *)', 'BODY !`touch made`');
    await putSkill('fail', 'description: x', 'BODY !`false`');
    const reply = await tell(`${useSkill('ask')}\n${useSkill('fail')}\nrun: false`);
    expect(reply).toContain('no rule permits its command `touch made`');
    expect(reply).toContain('fail did not run, as its command `false` failed: [Exit code 1]');
    expect(reply).not.toContain('BODY');
  });
});
