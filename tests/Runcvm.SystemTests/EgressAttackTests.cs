namespace Runcvm.SystemTests;

/// <summary>Root in a machine writes frames of all kinds, and a receiver on its network sees which of them
/// arrive.</summary>
public class EgressAttackTests(DockerEngine engine) : MachineTest(engine)
{
    private const string Receiver = """
        import re, socket
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        print('watching', flush=True)
        while True:
            for name in re.findall(rb'MARK<([^>]*)>', s.recv(70000)):
                print('saw', name.decode(), flush=True)
        """;

    // To the receiver's card and address, in each way that a machine could try.
    private const string Sender = """
        import fcntl, socket, struct, sys
        run, peer, card = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3].replace(':', ''))
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(('eth0', 0))
        own = open('/sys/class/net/eth0/address').read().strip()
        mac = bytes.fromhex(own.replace(':', ''))
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = socket.inet_ntoa(fcntl.ioctl(u, 0x8915, struct.pack('256s', b'eth0'))[20:24])
        to, me = socket.inet_aton(peer), socket.inet_aton(address)
        def total(b):
            n = sum(struct.unpack('>%dH' % (len(b) // 2), b))
            while n >> 16:
                n = (n & 0xffff) + (n >> 16)
            return ~n & 0xffff
        def v4(protocol, payload, source=me, target=to, fragment=0x4000, options=b''):
            length = 20 + len(options) + len(payload)
            h = struct.pack('>BBHHHBBH', 0x45 + len(options) // 4, 0, length, 7, fragment, 64, protocol, 0)
            h += source + target + options
            return h[:10] + struct.pack('>H', total(h)) + h[12:] + payload
        def v6(following, payload, source, target):
            return struct.pack('>IHBB', 0x60000000, len(payload), following, 64) + source + target + payload
        def udp(port, data):
            return struct.pack('>HHHH', 40000, port, 8 + len(data), 0) + data
        def tcp(port, data, flags=2):
            return struct.pack('>HHIIBBHHH', 40000, port, 1, 0, 0x50, flags, 65535, 0, 0) + data
        ll = b'\xfe\x80' + bytes(6) + bytes([mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]])
        theirs = b'\xfe\x80' + bytes(6) + bytes([card[0] ^ 2, card[1], card[2], 0xff, 0xfe, card[3], card[4], card[5]])
        rows = {
            'udp': lambda m: (0x800, v4(17, udp(9, m))),
            'dns': lambda m: (0x800, v4(17, udp(53, m))),
            'tcp': lambda m: (0x800, v4(6, tcp(443, m))),
            'ack': lambda m: (0x800, v4(6, tcp(443, m, 16))),
            'reset': lambda m: (0x800, v4(6, tcp(443, m, 4))),
            'ping': lambda m: (0x800, v4(1, b'\x08\0\0\0\0\1\0\1' + m)),
            'pong': lambda m: (0x800, v4(1, b'\0\0\0\0\0\1\0\1' + m)),
            'icmp error': lambda m: (0x800, v4(1, b'\3\3\0\0\0\0\0\0' + m)),
            'first fragment': lambda m: (0x800, v4(17, udp(9, m), fragment=0x2000)),
            'later fragment': lambda m: (0x800, v4(17, m, fragment=0x0010)),
            'ip options': lambda m: (0x800, v4(17, udp(9, m), options=b'\1\1\1\1')),
            'other source': lambda m: (0x800, v4(17, udp(9, m), source=socket.inet_aton('10.66.51.77'))),
            'no source': lambda m: (0x800, v4(17, udp(9, m), source=bytes(4))),
            'broadcast': lambda m: (0x800, v4(17, udp(9, m), target=b'\xff' * 4)),
            'multicast': lambda m: (0x800, v4(17, udp(5353, m), target=socket.inet_aton('224.0.0.251'))),
            'ipip': lambda m: (0x800, v4(4, v4(17, udp(9, m)))),
            '6in4': lambda m: (0x800, v4(41, v6(17, udp(9, m), ll, theirs))),
            'gre': lambda m: (0x800, v4(47, b'\0\0\x08\0' + v4(17, udp(9, m)))),
            'sctp': lambda m: (0x800, v4(132, struct.pack('>HHII', 9, 9, 0, 0) + m)),
            'protocol 255': lambda m: (0x800, v4(255, m)),
            'ipv6 udp': lambda m: (0x86dd, v6(17, udp(9, m), ll, theirs)),
            'ipv6 tcp': lambda m: (0x86dd, v6(6, tcp(443, m), ll, theirs)),
            'ipv6 ping': lambda m: (0x86dd, v6(58, b'\x80\0\0\0\0\1\0\1' + m, ll, theirs)),
            'ipv6 mapped': lambda m: (0x86dd, v6(17, udp(9, m), ll, bytes(10) + b'\xff\xff' + to)),
            'ipv6 options': lambda m: (0x86dd, v6(60, b'\x11\0\1\4\0\0\0\0' + udp(9, m), ll, theirs)),
            'ipv6 hop by hop': lambda m: (0x86dd, v6(0, b'\x11\0\1\4\0\0\0\0' + udp(9, m), ll, theirs)),
            'ipv6 fragment': lambda m: (0x86dd, v6(44, b'\x11\0\0\1\0\0\0\1' + udp(9, m), ll, theirs)),
            'ipv6 nothing': lambda m: (0x86dd, v6(59, m, ll, theirs)),
            'solicitation': lambda m: (0x86dd, v6(58, b'\x87\0\0\0\0\0\0\0' + theirs + m, ll, theirs)),
            'arp': lambda m: (0x806, struct.pack('>HHBBH', 1, 0x800, 6, 4, 1) + mac + me + bytes(6) + to + m * 6),
            'vlan': lambda m: (0x8100, struct.pack('>HH', 5, 0x800) + v4(17, udp(9, m))),
            'two vlans': lambda m: (0x88a8, struct.pack('>HHHH', 5, 0x8100, 6, 0x800) + v4(17, udp(9, m))),
            'lldp': lambda m: (0x88cc, m),
            'own type': lambda m: (0x88b5, m),
            'length field': lambda m: (0x0040, m),
            'mpls': lambda m: (0x8847, b'\0\0\x11\x40' + v4(17, udp(9, m))),
            'pppoe': lambda m: (0x8864, b'\x11\0\0\1\0\x40\0\x21' + v4(17, udp(9, m))),
        }
        for name, make in rows.items():
            kind, payload = make(b'MARK<%s %s>' % (run.encode(), name.encode()))
            for receiver in (card, b'\xff' * 6):
                frame = receiver + mac + struct.pack('>H', kind) + payload
                s.send(frame)
                s.send(frame[:6] + b'\x02\1\2\3\4\5' + frame[12:])
        """;

    private static readonly (string Run, string Policy)[] Runs =
        [("open", "open"), ("none", "none"), ("elsewhere", "allow=10.66.51.200:443,udp/9,icmp")];

    [Fact]
    public async Task Nothing_that_root_writes_leaves_a_machine_under_a_policy_and_all_of_it_leaves_one_without()
    {
        OnlyMachines();
        string image = await Engine.Images.DebianAsync();
        string network = await NewNetworkAsync("--subnet", "10.66.51.0/24");
        string receiver = await StartContainerAsync(
            NewName("receiver"), "--network", network, "--cap-add", "NET_RAW", image, "python3", "-c", Receiver);
        await LoggedAsync(receiver, "watching");
        string address = await Docker.InspectAsync(
            receiver, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
        string card = await Docker.InspectAsync(receiver, "{{range .NetworkSettings.Networks}}{{.MacAddress}}{{end}}");
        foreach ((string run, string policy) in Runs)
        {
            // Privileged: without a policy it may write any frame.
            string[] machine = ["--privileged", "--network", network, "-e", $"RUNCVM_EGRESS={policy}", image];
            (await RunAsync([.. machine, "python3", "-c", Sender, run, address, card])).Succeeded();
        }

        string[] flags = ["--rm", "--runtime=runc", "--cap-add", "NET_RAW", "--network", network];
        string[] last = [image, "python3", "-c", Sender, "last", address, card];
        (await Docker.RunAsync(["run", .. flags, .. last])).Succeeded();
        // The receiver sees frames in their order.
        await LoggedAsync(receiver, "saw last pppoe");
        string[] seen = [.. (await Docker.RunAsync("logs", receiver)).Lines.Distinct()];
        // As from a container under runc: Docker's bridge itself holds fragments back that never become whole.
        string[] ofContainer = Of("last");
        Assert.Equal(ofContainer, Of("open"));
        Assert.True(ofContainer.Length >= 35, $"of a container arrived only: {string.Join(", ", ofContainer)}");
        Assert.Empty(Of("none"));
        Assert.Empty(Of("elsewhere"));

        string[] Of(string run)
            => [.. seen.Where(line => line.StartsWith($"saw {run} ", StringComparison.Ordinal))
                .Select(line => line[$"saw {run} ".Length..]).Order(StringComparer.Ordinal)];
    }
}
