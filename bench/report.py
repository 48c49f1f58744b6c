"""The figures as people and programs read them: medians, ratios of the rounds' pairs, bars, and the machine they were taken on."""
import datetime
import os
import platform
import re
import statistics
import subprocess

from works import PEERS

MARKERS = ('<!-- last run -->', '<!-- end of last run -->')


def values(rounds):
    return [sample['value'] for sample in rounds if sample]


def median(rounds):
    return statistics.median(values(rounds)) if values(rounds) else None


def ratio(rounds, base):
    """Median over the rounds in which both were measured: a pair shares the machine's mood of that minute."""
    pairs = [a['value'] / b['value'] for a, b in zip(rounds, base) if a and b and b['value'] > 0]
    return statistics.median(pairs) if pairs else None


def judged(row):
    """The row's outcome: best peer, the subject's figure against the bar, and whether it holds."""
    peers = [n for n in row.rounds if n in (row.rivals or PEERS) and median(row.rounds[n]) is not None]
    best = min(peers, key=lambda n: median(row.rounds[n])) if peers else None
    base = {'best': best, 'value': None}.get(row.versus, row.versus)
    mine = row.rounds.get(row.subject, [])
    if row.versus == 'value':
        figure = median(mine)
    else:
        figure = ratio(mine, row.rounds[base]) if base in row.rounds else None
    failed = sum(sample['failed'] for sample in mine if sample)
    whole = bool(mine) and all(mine) and not failed
    holds = None if row.bar is None or figure is None else whole and figure <= row.bar
    return dict(best=best, base=base, figure=figure, failed=failed, holds=holds)


def table(row):
    """One row of the issue's table with a line for each gateway."""
    outcome = judged(row)
    lines = [f'\n{row.title}', f'  {"":14}{row.unit:>10}{"min":>10}{"max":>10}{"/ " + (outcome["base"] or outcome["best"] or "-"):>16}']
    for name, rounds in row.rounds.items():
        got = values(rounds)
        if not got:
            lines.append(f'  {name:14}  answered too little')
            continue
        against = ratio(rounds, row.rounds.get(outcome['base'] or outcome['best'], []))
        failed = sum(sample['failed'] for sample in rounds if sample)
        lines.append(f'  {name:14}{median(rounds):10.2f}{min(got):10.2f}{max(got):10.2f}{against or float("nan"):16.3f}'
                     + (f'  {failed} failed' if failed else '') + (f'  ({row.notes[name]})' if name in row.notes else ''))
    lines += [f'  {name:14}  left out: {reason}' for name, reason in row.left_out.items()]
    if row.bar is not None:
        shown = 'not measured' if outcome['figure'] is None else f'{outcome["figure"]:.3f}'
        unit = f' {row.unit}' if row.versus == 'value' else f' x {outcome["base"]}'
        lines.append(f'  bar: <= {row.bar:g}{unit}; {row.subject}: {shown} {verdict(outcome)}')
    return '\n'.join(lines)


def verdict(outcome):
    return {True: 'pass', False: 'FAIL', None: '-'}[outcome['holds']]


def summary(rows):
    """The table of the README, in Markdown."""
    lines = ['| work | ' + ' | '.join(('tidegate', 'nginx', 'haproxy', 'envoy', 'caddy')) + ' | ratio | bar | |', '|---' * 9 + '|']
    for row in rows:
        if row.bar is None:
            continue
        outcome = judged(row)

        def cell(name):
            figures = [median(row.rounds[n]) for n in (name, f'{name}-big', f'{name}-2') if n in row.rounds]
            figures = [f for f in figures if f is not None]
            return f'{min(figures):.2f}' if figures else '–'
        figure = '–' if outcome['figure'] is None else f'{outcome["figure"]:.3f}'
        against = '' if row.versus == 'value' else f' × {outcome["base"]}'
        lines.append('| ' + ' | '.join([f'{row.title}, {row.unit}', *map(cell, ('tidegate', 'nginx', 'haproxy', 'envoy', 'caddy')),
                                       figure, f'≤ {row.bar:g}{against}', verdict(outcome)]) + ' |')
    return '\n'.join(lines)


def first_line(command, pattern=r'.*'):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(pattern, (done.stdout + done.stderr).strip())
    return found[0] if found else None


def circumstances(settings):
    """Machine, versions and commit."""
    with open('/proc/cpuinfo') as f:
        model = re.search(r'model name\s*: (.*)', f.read())
    version = {
        'nginx': (['nginx', '-v'], r'[\d.]+$'), 'haproxy': (['haproxy', '-v'], r'\d[\d.]+'), 'wrk': (['wrk', '-v'], r'(?<=wrk )\S+'),
        'envoy': ([settings.find('envoy'), '--version'], r'\d+\.\d+\.\d+(?=/)'), 'caddy': ([settings.find('caddy'), 'version'], r'v[\d.]+'),
        'openssl': (['openssl', 'version'], r'\d[\d.]+'), 'tidegate': ([settings.find('tidegate'), 'version'], r'.*'),
        'h2load': (['h2load', '--version'], r'\d[\d.]+')}
    git = ['git', '-C', settings.root]
    return dict(
        taken=datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        commit=first_line([*git, 'rev-parse', '--short=12', 'HEAD'], r'^[0-9a-f]{12}$'),
        dirty=bool(first_line([*git, 'status', '--porcelain', '--untracked-files=no'], r'.+')),
        cpu=model[1] if model else platform.machine(), cpus=os.cpu_count(), kernel=platform.release(),
        load=round(os.getloadavg()[0], 2), pinning=settings.pinning(), network=settings.network, rounds=settings.rounds, seconds=settings.seconds,
        versions={name: first_line(*how) for name, how in version.items() if how[0][0]})


def busy(c):
    """A warning when the machine had other work at the start, else nothing."""
    return f'\nThe machine is busy (load {c["load"]}): the figures will be unsteady.' if c['load'] > 0.7 else ''


def headline(c):
    versions = ', '.join(f'{name} {text}' for name, text in c['versions'].items() if text)
    commit = (c['commit'] or 'no commit') + (' with changes' if c['dirty'] else '')
    return (f'{c["taken"]}, {commit}; {c["cpu"]}, {c["cpus"]} CPUs, Linux {c["kernel"]}, load {c["load"]} at the start; {c["pinning"]}; {c["network"]}; '
            f'{c["rounds"]} x {c["seconds"]} s; {versions}')


def keep(readme, rows, c):
    """Puts the run between the markers of the README."""
    with open(readme) as f:
        text = f.read()
    before, rest = text.split(MARKERS[0], 1)
    after = rest.split(MARKERS[1], 1)[1]
    with open(readme, 'w') as f:
        f.write(f'{before}{MARKERS[0]}\n{headline(c)}\n\n{summary(rows)}\n{MARKERS[1]}{after}')
