namespace Runcvm.SystemTests;

/// <summary>Names that a machine asks Docker's nameserver for, and those that this one asks another for.</summary>
public class DnsTests(DockerEngine engine) : MachineTest(engine)
{
    // Over UDP what does not fit is cut short with the flag TC, as nameservers do.
    private const string Nameserver = """
        import socket, struct, threading
        def answer(q, stream):
            name, at = [], 12
            while q[at]:
                name.append(q[at + 1:at + 1 + q[at]].decode().lower())
                at += 1 + q[at]
            kind, = struct.unpack('>H', q[at + 1:at + 3])
            label, zone = name[0], '.'.join(name[1:])
            known = {}
            if zone == 'of.test' and label[:1] == 'n' and label[1:].isdigit():
                n = int(label[1:])
                known = {1: [bytes([10, 99, n >> 8, n & 255])]}
            elif zone == 'of.test' and label == 'six':
                known = {28: [socket.inet_pton(socket.AF_INET6, 'fd99::6')]}
            elif zone == 'of.test' and label in ('large', 'fragments'):
                known = {16: [bytes([250]) + b'%03d' % i + b'x' * 247 for i in range(100 if label == 'large' else 12)]}
            records = known.get(kind, [])
            body = b''.join(b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 60, len(r)) + r for r in records)
            short = not stream and len(body) > (1200 if q[11] == 0 else 4096)
            flags = 0x8180 | (0x0200 if short else 0) | (0 if known else 3)
            return q[:2] + struct.pack('>HHHHH', flags, 1, 0 if short else len(records), 0, 0) + q[12:at + 5] + (b'' if short else body)
        def serve(connection):
            prefix = connection.recv(2)
            while len(prefix) == 2:
                a = answer(connection.recv(struct.unpack('>H', prefix)[0]), True)
                connection.sendall(struct.pack('>H', len(a)) + a)
                prefix = connection.recv(2)
        def streams(listener):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        listener = socket.create_server(('', 53))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        datagrams.bind(('', 53))
        threading.Thread(target=streams, args=(listener,), daemon=True).start()
        print('nameserver listens', flush=True)
        while True:
            q, client = datagrams.recvfrom(65535)
            datagrams.sendto(answer(q, False), client)
        """;

    // A thousand questions on the way at once, from fifty clients; like resolvers these ask again for what was lost.
    private const string Client = """
        import select, socket, struct, sys, time
        server = [l.split()[1] for l in open('/etc/resolv.conf') if l.startswith('nameserver')][0]
        def question(n, name, kind, extra=b''):
            labels = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.'))
            return struct.pack('>HHHHHH', n, 0x0100, 1, 0, 0, len(extra) > 0) + labels + b'\0' + struct.pack('>HH', kind, 1) + extra
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
        for s in sockets:
            s.connect((server, 53))
        missing = set(range(1000))
        for attempt in range(4):
            for n in missing:
                sockets[n % 50].send(question(n, 'n%d.of.test' % n, 1))
            end = time.time() + 5
            while missing and time.time() < end:
                for s in select.select(sockets, [], [], 0.5)[0]:
                    a = s.recv(2000)
                    n, = struct.unpack('>H', a[:2])
                    if a[-4:] == bytes([10, 99, n >> 8, n & 255]):
                        missing.discard(n)
            print('missing', len(missing), 'after attempt', attempt, file=sys.stderr)
        print('answered', 1000 - len(missing))
        u = sockets[0]
        u.send(question(7, 'large.of.test', 16))
        print('cut short', u.recv(65535)[2] & 2 == 2)
        # RFC 6891: the asker takes 4096 bytes.
        u.settimeout(10)
        u.send(question(9, 'fragments.of.test', 16, struct.pack('>BHHIH', 0, 41, 4096, 0, 0)))
        a = u.recv(65535)
        print('in fragments', len(a), a.count(b'x' * 247))
        t = socket.create_connection((server, 53), 10)
        q = question(8, 'large.of.test', 16)
        t.sendall(struct.pack('>H', len(q)) + q)
        data = b''
        while len(data) < 2 or len(data) < 2 + struct.unpack('>H', data[:2])[0]:
            data += t.recv(65536)
        print('over TCP', len(data), data.count(b'x' * 247))
        """;

    [Fact]
    public async Task A_thousand_questions_at_once_and_large_answers_come_back_and_search_domains_and_IPv6_names_work()
    {
        string image = await Engine.Images.DebianAsync();
        string network = await NewNetworkAsync();
        string server = await StartContainerAsync(NewName("names"), "--network", network, "--network-alias", "called", image, "python3", "-c", Nameserver);
        await LoggedAsync(server, "nameserver listens");
        string address = await Docker.InspectAsync(server, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        string[] flags = ["--network", network, "--dns", address, "--dns-search", "of.test", "--dns-option", "ndots:1"];
        CommandResult asked = await RunAsync([.. flags, image, "python3", "-c", Client]);
        Assert.Equal(["answered 1000", "cut short True", "in fragments 3191 12", "over TCP 26333 100"], asked.Lines);

        string names = $"getent hosts n5; getent hosts six | cut -d' ' -f1; getent hosts called | cut -d' ' -f1; getent hosts {server} | cut -d' ' -f1; getent hosts nothing; echo $?";
        CommandResult resolved = await RunAsync([.. flags, image, "bash", "-c", names]);
        Assert.Equal(["10.99.0.5       n5.of.test", "fd99::6", address, address, "2"], resolved.Lines);
    }

    [Fact]
    public async Task A_machine_can_be_a_nameserver_itself_and_still_asks_Dockers()
    {
        string image = await Engine.Images.DebianAsync();
        string network = await NewNetworkAsync();
        string peer = await StartContainerAsync(NewName("peer"), "--network", network, image, "sleep", "1000");
        string server = await StartAsync("--network", network, image, "python3", "-c", Nameserver);
        await LoggedAsync(server, "nameserver listens");
        string peers = await Docker.InspectAsync(peer, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        Assert.StartsWith(peers, (await ExecAsync(server, "getent", "hosts", peer)).Text, StringComparison.Ordinal);
        string address = await Docker.InspectAsync(server, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        CommandResult asked = await Docker.RunAsync("run", "--rm", "--network", network, "--dns", address, image, "getent", "hosts", "n5.of.test");
        Assert.StartsWith("10.99.0.5", asked.Text, StringComparison.Ordinal);
    }
}
