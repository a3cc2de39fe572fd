# SPDX-License-Identifier: Apache-2.0
"""Measures Coffer beside its peers. Every figure is a ratio against a peer or a limit in this run; called by run.sh."""
import http.client, json, os, re, shutil, signal, socket, ssl, statistics, subprocess, sys, tempfile, threading, time
from urllib.parse import urlsplit

BUILD = os.path.abspath(sys.argv[1])
ROUNDS = 3
TICKS = os.sysconf('SC_CLK_TCK')
SERVER_CORE, CLIENT_CORE = '0', '1' if os.cpu_count() > 1 else '0'
WORK = tempfile.mkdtemp(prefix='coffer-bench-')
ROWS = []


def row(what, measured, goal, met):
    verdict = met if isinstance(met, str) else 'met' if met else '**missed**'
    ROWS.append((what, measured, goal, verdict))
    print('%-74s %-34s goal %-18s %s' % (what, measured, goal, verdict), flush=True)


def row_of_ratios(what, cpu, rate, goal):
    """Client and server have a core each: the rate says less than the CPU time where others use the machine, but it counts as well."""
    met = cpu >= goal if (cpu >= goal) == (rate >= goal) else 'met by CPU, **missed** by rate' if cpu >= goal else '**missed** by CPU, met by rate'
    row(what, '%.2fx nginx by CPU, %.2fx by rate' % (cpu, rate), '>= %gx' % goal, met)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of all threads, from the scheduler's nanoseconds."""
    total = 0
    for thread in os.listdir('/proc/%d/task' % pid):
        total += int(open('/proc/%d/task/%s/schedstat' % (pid, thread)).read().split()[0])
    return total / 1e9


def memory(pid):
    """(resident, private) in bytes."""
    fields = dict(re.findall(r'(\w+):\s+(\d+) kB', open('/proc/%d/smaps_rollup' % pid).read()))
    return int(fields['Rss']) * 1024, (int(fields['Private_Clean']) + int(fields['Private_Dirty'])) * 1024


def mapped_store(pid):
    """Bytes of the store's file that count as private because nobody else maps it: the kernel's file cache, given back at need."""
    total, store = 0, False
    for line in open('/proc/%d/smaps' % pid):
        if re.match(r'[0-9a-f]+-[0-9a-f]+ ', line):
            store = line.rstrip().endswith('/data.mdb')
        elif store and line.startswith('Private_Clean:'):
            total += int(line.split()[1]) * 1024
    return total


def on_core(core, *command):
    return ['taskset', '-c', core, *command]


class Coffer:
    def __init__(self, *flags, core=SERVER_CORE):
        self.dir = tempfile.mkdtemp(dir=WORK)
        self.flags = flags
        self.core = core
        self.start()

    def start(self):
        log = open(self.dir + '/log', 'a')
        notify = self.dir + '/notify'
        if os.path.exists(notify):
            os.unlink(notify)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(notify)
        listener.settimeout(30)
        begun = time.monotonic()
        self.process = subprocess.Popen(on_core(self.core, BUILD + '/src/cmd/coffer', 'serve', '--data-dir', self.dir + '/data', '--listen', '127.0.0.1:0',
            '--unlock', 'file:' + self.dir + '/unlock.key', *self.flags), stdout=log, stderr=log, env={**os.environ, 'NOTIFY_SOCKET': notify})
        while b'READY=1' not in listener.recv(4096):
            pass
        self.ready_seconds = time.monotonic() - begun
        listener.close()
        self.pid = self.process.pid
        text = open(self.dir + '/data/admin.kubeconfig').read()
        self.url = re.search(r'server: (\S+)', text).group(1)
        for name, field in (('ca', 'certificate-authority-data'), ('cert', 'client-certificate-data'), ('key', 'client-key-data')):
            value = re.search(field + r': (\S+)', text).group(1)
            with open('%s/%s.pem' % (self.dir, name), 'wb') as f:
                f.write(__import__('base64').b64decode(value))
        self.kubeconfig = self.dir + '/data/admin.kubeconfig'

    def load(self, path, *flags, **kw):
        return load(self.url + path, self.dir + '/cert.pem', self.dir + '/key.pem', *flags, **kw)

    def curl(self, path, *flags):
        return subprocess.run(['curl', '-sS', '--cacert', self.dir + '/ca.pem', '--cert', self.dir + '/cert.pem', '--key', self.dir + '/key.pem', *flags,
            self.url + path], check=True, capture_output=True).stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def load(url, cert, key, *flags, core=CLIENT_CORE):
    out = subprocess.run(on_core(core, BUILD + '/bench/load', '--cert', cert, '--key', key, *map(str, flags), url), capture_output=True, text=True)
    if out.returncode:
        raise SystemExit('load failed: %s\n%s' % (out.stderr, out.stdout))
    return json.loads(out.stdout.splitlines()[-1])


def nginx(cert, key, ca, content):
    """nginx with one worker, the same certificate, and a static file of the same bytes."""
    root = tempfile.mkdtemp(dir=WORK)
    os.chmod(WORK, 0o755), os.chmod(root, 0o755)
    shutil.copy(cert, root + '/server.pem'), shutil.copy(key, root + '/server.key'), shutil.copy(ca, root + '/ca.pem')
    with open(root + '/file.json', 'wb') as f:
        f.write(content)
    port = free_port()
    with open(root + '/nginx.conf', 'w') as f:
        f.write('''worker_processes 1; daemon off; pid %(root)s/pid; error_log %(root)s/error.log; user root;
events { worker_connections 16384; }
http { access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; types { application/json json; } open_file_cache max=10;
server { listen 127.0.0.1:%(port)d ssl http2; ssl_certificate server.pem; ssl_certificate_key server.key; ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_tickets on; ssl_client_certificate ca.pem; ssl_verify_client optional; http2_max_concurrent_streams 250; root %(root)s; } }''' % locals())
    process = subprocess.Popen(on_core(SERVER_CORE, '/usr/sbin/nginx', '-p', root, '-c', root + '/nginx.conf'))
    for _ in range(500):
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            break
        except OSError:
            time.sleep(0.01)
    worker = int(subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True, check=True).stdout.split()[0])
    return process, worker, 'https://127.0.0.1:%d/file.json' % port


def cpu_per_request(pid, run):
    before = cpu_seconds(pid)
    result = run()
    return (cpu_seconds(pid) - before) / result['requests'] * 1e6, result['rate']


def paired(ours, theirs, rounds=ROUNDS):
    """Ours and theirs in turn; the medians of the ratios (theirs/ours in CPU, ours/theirs in rate) and of our CPU."""
    cpu, rate, own = [], [], []
    for _ in range(rounds):
        a, b = ours(), theirs()
        cpu.append(b[0] / a[0]), rate.append(a[1] / b[1]), own.append(a[0])
    return statistics.median(cpu), statistics.median(rate), statistics.median(own)


H1 = ('--connections', 64, '--requests', 150000)
H2 = ('--h2', '--connections', 16, '--streams', 8, '--requests', 300000)


def against_nginx(what, pid, url, cert, key, peer, goals):
    process, worker, peer_url = peer
    for name, flags, goal in (('HTTP/1.1, 64 connections', H1, goals[0]), ('HTTP/2, 16 connections of 8 streams', H2, goals[1])):
        ours = lambda: cpu_per_request(pid, lambda: load(url, cert, key, *flags))
        theirs = lambda: cpu_per_request(worker, lambda: load(peer_url, cert, key, *flags))
        ours(), theirs()
        cpu, rate, own = paired(ours, theirs)
        row_of_ratios('%s, %s' % (what, name), cpu, rate, goal)


class Certificates:
    """A CA, a server and a client certificate of our own, ECDSA P-256."""
    def __init__(self):
        self.dir = tempfile.mkdtemp(dir=WORK)
        run = lambda *a: subprocess.run(a, check=True, capture_output=True, cwd=self.dir)
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=ca')
        for name, subject, extension in (('server', '/CN=server', 'subjectAltName=IP:127.0.0.1'), ('client', '/O=bench/CN=client', 'extendedKeyUsage=clientAuth')):
            run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key', '-out', name + '.csr', '-subj', subject)
            open(self.dir + '/ext', 'w').write(extension)
            run('openssl', 'x509', '-req', '-in', name + '.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'ext', '-out', name + '.pem')

    def __call__(self, name):
        return self.dir + '/' + name


def measure_fixed():
    c, content = Certificates(), b'{"a":"' + b'x' * 1016 + b'"}'
    with open(WORK + '/1k', 'wb') as f:
        f.write(content)
    port = free_port()
    fixed = subprocess.Popen(on_core(SERVER_CORE, BUILD + '/bench/fixed', str(port), c('server.pem'), c('server.key'), c('ca.pem'), WORK + '/1k'), stdout=subprocess.PIPE)
    fixed.stdout.readline()
    peer = nginx(c('server.pem'), c('server.key'), c('ca.pem'), content)
    url = 'https://127.0.0.1:%d/x' % port
    against_nginx('Fixed 1 KB answer', fixed.pid, url, c('client.pem'), c('client.key'), peer, (1.0, 2.0))
    for mode in ('full', 'resumed'):
        flags = ('--handshakes', mode, '--requests', 3000)
        ours = lambda: cpu_per_request(fixed.pid, lambda: load(url, c('client.pem'), c('client.key'), *flags))
        theirs = lambda: cpu_per_request(peer[1], lambda: load(peer[2], c('client.pem'), c('client.key'), *flags))
        cpu, rate, _ = paired(ours, theirs)
        row_of_ratios('Handshake with a client certificate, %s' % mode, cpu, rate, 1.0)
    peer[0].terminate(), fixed.terminate()
    peer[0].wait(), fixed.wait()


SECRET = '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"%s"},"data":{"value":"%s"}}'
ONE_KB = 'QUJD' * 200  # the Secret's JSON is about 1 KB


def create(coffer, name, namespace='default', value=ONE_KB):
    return coffer.curl('/api/v1/namespaces/%s/secrets' % namespace, '-f', '-X', 'POST', '-H', 'Content-Type: application/json', '-d', SECRET % (name, value))


RBAC = '/apis/rbac.authorization.k8s.io/v1'


def bind(name, user, namespace=None):
    """A binding of the role `reader`, in a namespace or in the cluster: its path and its body."""
    body = {'metadata': {'name': name}, 'subjects': [{'kind': 'User', 'name': user, 'apiGroup': 'rbac.authorization.k8s.io'}],
        'roleRef': {'kind': 'ClusterRole', 'name': 'reader', 'apiGroup': 'rbac.authorization.k8s.io'}}
    path = RBAC + ('/namespaces/%s/rolebindings' % namespace if namespace else '/clusterrolebindings')
    return path, json.dumps(body)


def many_bindings(coffer, subjects=1000, bindings=10000):
    context = ssl.create_default_context(cafile=coffer.dir + '/ca.pem')
    context.load_cert_chain(coffer.dir + '/cert.pem', coffer.dir + '/key.pem')
    connection = http.client.HTTPSConnection(urlsplit(coffer.url).netloc, context=context)
    for i in range(bindings):
        path, body = bind('b%d' % i, 'u%d' % (i % subjects), 'default' if i % 10 else None)
        connection.request('POST', path, body, {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
    connection.close()


def with_reader(c):
    """A server with one Secret, and a client that may read it by a role alone: a member of system:masters would not be checked."""
    coffer = Coffer('--client-ca-file', c('ca.pem'))
    create(coffer, 'bench')
    role = {'metadata': {'name': 'reader'}, 'rules': [{'verbs': ['get'], 'apiGroups': [''], 'resources': ['secrets']}]}
    for path, body in ((RBAC + '/clusterroles', json.dumps(role)), bind('client', 'client', 'default')):
        coffer.curl(path, '-f', '-X', 'POST', '-H', 'Content-Type: application/json', '-d', body)
    return coffer


def measure_get():
    c = Certificates()
    coffer, path = with_reader(c), '/api/v1/namespaces/default/secrets/bench'
    content = coffer.curl(path)
    peer = nginx(c('server.pem'), c('server.key'), c('ca.pem'), content)
    against_nginx('GET of a %d-byte Secret, decrypted for each request, its reader checked by RBAC' % len(content), coffer.pid, coffer.url + path, c('client.pem'), c('client.key'),
        peer, (0.85, 1.45))
    peer[0].terminate(), peer[0].wait()
    crowded = with_reader(c)
    many_bindings(crowded)
    cost = lambda server: lambda: cpu_per_request(server.pid, lambda: load(server.url + path, c('client.pem'), c('client.key'), *H2))
    cost(coffer)(), cost(crowded)()
    cpu = paired(cost(coffer), cost(crowded))[0]
    row('The same with 1,000 subjects and 10,000 bindings, HTTP/2', '%.2fx the CPU' % cpu, '< 1.10x', cpu < 1.1)
    coffer.stop(), crowded.stop()


def measure_authorize():
    yes, no, change = map(int, subprocess.run(on_core(SERVER_CORE, BUILD + '/bench/authorize'), check=True, stdout=subprocess.PIPE, text=True).stdout.split())
    row('RBAC with 10,000 bindings: a check that allows; that finds nothing', '%d ns; %d ns' % (yes, no), '< 1 us', max(yes, no) < 1000)
    row('One of them, or a role, changed', '%d us' % change, '< 1 ms', change < 1000)


def bare_lmdb(size):
    """Writes a second of LMDB alone, committing batches of 64 of so many bytes."""
    out = subprocess.run([BUILD + '/bench/store-commit', WORK, str(size)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r'bare 64: (\S+)', out).group(1))


def measure_create():
    """A disk's rate drifts: bare before and after each run of ours."""
    ratios, rates, costs = [], [], []
    size = len(SECRET) + len(ONE_KB) + 200  # with metadata and the layer of encryption
    for _ in range(ROUNDS):
        before = bare_lmdb(size)
        coffer = Coffer(core='0,1')
        cpu = cpu_seconds(coffer.pid)
        result = fill(coffer, 40000)
        costs.append((cpu_seconds(coffer.pid) - cpu) / result['requests'] * 1e6)
        coffer.stop()
        rates.append(result['rate'])
        ratios.append(result['rate'] / ((before + bare_lmdb(size)) / 2))
    ratio = statistics.median(ratios)
    row('Durable creates, 64 clients (client and server on the same cores)',
        '%.0f%% of bare LMDB in batches of 64 (%.0f/s, %.0f us of CPU each)' % (ratio * 100, statistics.median(rates), statistics.median(costs)), '>= 50%', ratio >= 0.5)


def fill(coffer, count):
    return coffer.load('/api/v1/namespaces/default/secrets', '--connections', 64, '--requests', count, '--method', 'POST', '--body', SECRET % ('b%d', ONE_KB), core='0,1')


def measure_list():
    coffer = Coffer()
    fill(coffer, 10000)
    path = '/api/v1/namespaces/default/secrets'
    private = memory(coffer.pid)[1]
    peak, done = [private], threading.Event()

    def sample():
        while not done.wait(0.002):
            peak.append(memory(coffer.pid)[1])
    sampler = threading.Thread(target=sample)
    sampler.start()
    coffer.load(path, '--requests', 10)
    done.set(), sampler.join()
    rates = []
    for _ in range(ROUNDS):
        before = cpu_seconds(coffer.pid)
        result = coffer.load(path, '--requests', 20)
        rates.append(result['bytes'] / (cpu_seconds(coffer.pid) - before) / 1e6)
    rate = statistics.median(rates)
    row('LIST of 10,000 Secrets of 1 KB, response by server CPU', '%.0f MB/s' % rate, '>= 400 MB/s', rate >= 400)
    growth = (max(peak) - private) / 1e6
    row('LIST of 10,000 Secrets, growth of private memory', '%.1f MB' % growth, '< 8 MB', growth < 8)
    coffer.stop()


def watch(coffer, *flags):
    trigger = "curl -sS -f --cacert %(d)s/ca.pem --cert %(d)s/cert.pem --key %(d)s/key.pem -o /dev/null -X POST -H 'Content-Type: application/json' -d '%(b)s' %(u)s/api/v1/namespaces/default/secrets" % {
        'd': coffer.dir, 'b': SECRET % ('event-%d' % time.monotonic_ns(), ONE_KB), 'u': coffer.url}
    before = memory(coffer.pid)[1]
    process = subprocess.Popen(on_core(CLIENT_CORE, BUILD + '/bench/load', '--cert', coffer.dir + '/cert.pem', '--key', coffer.dir + '/key.pem', '--watch', '--trigger', trigger, *map(str, flags),
        coffer.url + '/api/v1/namespaces/default/secrets?watch=true&resourceVersion=0&sendInitialEvents=false&resourceVersionMatch=NotOlderThan'), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != 'ready\n':
        raise SystemExit('watches did not open')
    each = (memory(coffer.pid)[1] - before) / 5000
    out, _ = process.communicate('go\n')
    return each, json.loads(out.splitlines()[-1])


def measure_watch():
    for what, flags, goal in (('HTTP/1.1', ('--connections', 5000), 20), ('HTTP/2, a connection each', ('--h2', '--connections', 5000), 31), ('HTTP/2, 50 connections of 100 streams', ('--h2', '--connections', 50, '--streams', 100), 2)):
        coffer = Coffer()
        each, result = watch(coffer, *flags)
        row('5,000 idle watches with client certificates, %s' % what, '%.1f KB each' % (each / 1024), '< %d KB' % goal, each / 1024 < goal)
        late = result['ms_after_trigger_ended']
        row('One change to 5,000 watches, %s' % what, '%.0f ms after it was made (%d of 5000)' % (late, result['events']), '< 150 ms', result['events'] == 5000 and late < 150)
        coffer.stop()


def measure_idle():
    coffer = Coffer()
    coffer.stop()
    starts = []
    for _ in range(ROUNDS):
        coffer.start()
        starts.append(coffer.ready_seconds * 1000)
        time.sleep(1)  # idle is when the controllers have looked at everything
        resident, private = memory(coffer.pid)
        coffer.stop()
    row('Idle server, resident', '%.1f MB' % (resident / 1e6), '< 12 MB', resident < 12e6)
    row('Idle server, private', '%.1f MB' % (private / 1e6), '< 3 MB', private < 3e6)
    row('Start to ready', '%.0f ms' % statistics.median(starts), '< 100 ms', statistics.median(starts) < 100)


def measure_exec():
    coffer = Coffer(core='0,1')
    create(coffer, 'app', value='c2VjcmV0')
    plain, with_secret = [], []
    command = [BUILD + '/src/cmd/coffer', 'exec', '--kubeconfig', coffer.kubeconfig, '--env', 'VALUE=app/value', '--', '/bin/true']
    for _ in range(40):
        for times, argv in ((plain, ['/bin/true']), (with_secret, command)):
            begun = time.monotonic()
            subprocess.run(argv, check=True)
            times.append((time.monotonic() - begun) * 1000)
    added = statistics.median(with_secret) - statistics.median(plain)
    row('coffer exec with one Secret, added to the start of a program', '%.1f ms' % added, '< 12 ms', added < 12)
    coffer.stop()


POD = '{"spec":{"containers":[{"name":"c","image":"i"}]}}'
TEMPLATE = '{"metadata":{"labels":{"a":"b"}},' + POD[1:]
SELECTED = '"selector":{"matchLabels":{"a":"b"}},"template":' + TEMPLATE
ROLE_REF = '"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"}'
JOB = '{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}'
# Collection in the namespace default, and what an object of it has beside metadata.name.
KINDS = {
    '/api/v1 secrets': '"data":{"a":"%s"}' % ('QUJD' * 80),
    '/api/v1 configmaps': '"data":{"a":"%s"}' % ('b' * 300),
    '/api/v1 serviceaccounts': '"automountServiceAccountToken":false',
    '/api/v1 podtemplates': '"template":' + TEMPLATE,
    '/api/v1 pods': POD[1:-1],
    '/api/v1 services': '"spec":{"ports":[{"port":80}]}',
    '/api/v1 endpoints': '"subsets":[{"addresses":[{"ip":"10.1.2.3"}],"ports":[{"port":80}]}]',
    '/api/v1 replicationcontrollers': '"spec":{"selector":{"a":"b"},"template":%s}' % TEMPLATE,
    '/api/v1 persistentvolumeclaims': '"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}',
    '/apis/apps/v1 deployments': '"spec":{%s}' % SELECTED,
    '/apis/apps/v1 daemonsets': '"spec":{%s}' % SELECTED,
    '/apis/apps/v1 replicasets': '"spec":{%s}' % SELECTED,
    '/apis/apps/v1 statefulsets': '"spec":{"serviceName":"s",%s}' % SELECTED,
    '/apis/apps/v1 controllerrevisions': '"revision":1,"data":{}',
    '/apis/batch/v1 jobs': '"spec":' + JOB,
    '/apis/batch/v1 cronjobs': '"spec":{"schedule":"* * * * *","jobTemplate":{"spec":%s}}' % JOB,
    '/apis/coordination.k8s.io/v1 leases': '"spec":{"holderIdentity":"x"}',
    '/apis/rbac.authorization.k8s.io/v1 roles': '"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]',
    '/apis/rbac.authorization.k8s.io/v1 rolebindings': '"subjects":[],' + ROLE_REF,
    '/apis/networking.k8s.io/v1 networkpolicies': '"spec":{"podSelector":{}}',
}
MANY = 100000


def get_cost(coffer, path):
    """CPU of the server for a GET, in microseconds."""
    return statistics.median(cpu_per_request(coffer.pid, lambda: coffer.load(path, *H2))[0] for _ in range(ROUNDS))


def measure_many():
    coffer = Coffer()
    create(coffer, 'bench')
    path = '/api/v1/namespaces/default/secrets/bench'
    coffer.stop(), coffer.start()
    coffer.load(path, '--requests', 1000)
    before = memory(coffer.pid)[1] - mapped_store(coffer.pid)
    empty = get_cost(coffer, path)
    for kind, rest in KINDS.items():
        prefix, resource = kind.split()
        coffer.load('%s/namespaces/default/%s' % (prefix, resource), '--connections', 64, '--requests', MANY // len(KINDS), '--method', 'POST',
            '--body', '{"metadata":{"name":"b%d"},' + rest + '}', core='0,1')
    coffer.stop(), coffer.start()
    coffer.load(path, '--requests', 1000)
    mapped = mapped_store(coffer.pid)
    ready, growth = coffer.ready_seconds, (memory(coffer.pid)[1] - mapped - before) / 1e6
    full = get_cost(coffer, path)
    row('%d objects of %d kinds, start to ready' % (MANY, len(KINDS)), '%.0f ms' % (ready * 1000), '< 1 s', ready < 1)
    row('%d objects of %d kinds, growth of private memory' % (MANY, len(KINDS)), '%.1f MB, and %.0f MB of the file in use' % (growth, mapped / 1e6), '< 20 MB', growth < 20)
    row('GET by CPU, beside %d objects' % MANY, '%.2fx of the empty store\'s' % (empty / full), '>= 0.9x', empty / full >= 0.9)
    coffer.stop()


def measure_patch():
    """Patches of a Secret with 500 keys over one connection: CPU of the server for each, all of the request included."""
    import http.client, ssl
    coffer = Coffer()
    context = ssl.create_default_context(cafile=coffer.dir + '/ca.pem')
    context.load_cert_chain(coffer.dir + '/cert.pem', coffer.dir + '/key.pem')
    host, _, port = coffer.url[8:].partition(':')
    connection = http.client.HTTPSConnection(host, int(port), context=context)
    path = '/api/v1/namespaces/default/secrets/large'

    def patch(kind, body, query=''):
        connection.request('PATCH', path + query, json.dumps(body), {'Content-Type': 'application/%s' % kind})
        answer = connection.getresponse()
        if answer.status not in (200, 201):
            raise SystemExit('%s: %s' % (kind, answer.read()[:300]))
        return json.loads(answer.read())['metadata']['resourceVersion']

    def cost(kind, bodies, query=''):
        patch(kind, bodies[0], query)
        begun = cpu_seconds(coffer.pid)
        for i in range(200):
            patch(kind, bodies[i % len(bodies)], query)
        return (cpu_seconds(coffer.pid) - begun) / 200 * 1000

    data = {'key-%03d' % i: 'QUJDREVG' for i in range(500)}
    applied = {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'large'}, 'data': data}
    query = '?fieldManager=bench&force=true'
    revision = patch('apply-patch+yaml', applied, query)
    same = patch('apply-patch+yaml', applied, query) == revision
    row('Server-side apply of an unchanged Secret', 'writes nothing' if same else 'writes', 'writes nothing', same)
    changes = [{'data': {'key-%03d' % i: 'QUJD' if j else 'REVG' for i in range(500)}} for j in range(2)]
    ms = cost('strategic-merge-patch+json', changes)
    row('Strategic merge of a Secret with 500 keys, all of them changed, stored', '%.2f ms of CPU' % ms, '< 1 ms', ms < 1)
    whole = [{**applied, 'data': change['data']} for change in changes]
    ms = cost('apply-patch+yaml', whole, query)
    row('Server-side apply of a Secret with 500 keys, all of them changed, stored', '%.2f ms of CPU' % ms, '< 2 ms', ms < 2)
    coffer.stop()


MEASUREMENTS = {name[8:]: function for name, function in list(globals().items()) if name.startswith('measure_')}


def main():
    wanted = sys.argv[2:]
    if '--list' in wanted:
        return print('\n'.join(MEASUREMENTS))
    try:
        for name in wanted or MEASUREMENTS:
            MEASUREMENTS[name]()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    print('\n| what | measured | goal | |\n| --- | --- | --- | --- |')
    for what, measured, goal, verdict in ROWS:
        print('| %s | %s | %s | %s |' % (what, measured, goal, verdict))


main()
