using System.Text;
using static Runcvm.SystemTests.Jail.SystemCallNumber;

namespace Runcvm.SystemTests.Jail;

/// <summary>Attempts on the network and on other programs' sockets.</summary>
internal static class NetworkAttempts
{
    private const int Unix = 1;
    private const int Internet = 2;
    private const int Netlink = 16;
    private const int Packet = 17;
    private const int CryptoInterface = 38;
    private const int HostSockets = 40;
    private const int Stream = 1 | 0x80800;
    private const int Datagram = 2 | 0x80800;
    private const int Raw = 3 | 0x80800;

    /// <summary>An abstract socket that the test listens at, in the network namespace of the engine and in that of
    /// the host.</summary>
    internal const string AbstractName = "runcvm-jail-test";

    internal static IEnumerable<Attempt> All { get; } =
    [
        Socket("raw", Who.Programs, Internet, Raw, 1), Socket("raw IPv6", Who.Programs, 10, Raw, 58),
            Socket("packet", Who.Programs, Packet, Raw, 0x0300),
        Socket("vsock", Who.Confined, HostSockets, Stream, 0),
        Socket("cryptography", Who.Programs, CryptoInterface, 5, 0),
        Socket("netlink", Who.Hypervisor | Who.FileServer, Netlink, Raw, 0),
        Socket("Bluetooth", Who.All, 31, Raw, 0), Socket("XDP", Who.Programs, 44, Raw, 0),
            Socket("CAN", Who.All, 29, Raw, 1), Socket("QIPCRTR", Who.Programs, 42, Datagram, 0),
            Socket("TIPC", Who.Programs, 30, Datagram, 0),
        new("connect over the container's network", Who.Confined,
            static at => ConnectAsync(at, [10, 213, 77, 1], 22)) { AlsoFine = ["ENETUNREACH"] },
        new("connect to the namespace's own loopback", Who.Confined,
            static at => ConnectAsync(at, [127, 0, 0, 1], 22)) { AlsoFine = ["ENETUNREACH"] },
        new("listen on a port", Who.Confined, static at => BindAsync(at, [0, 0, 0, 0], 61999)),
        new("connect to an abstract socket of the host", Who.Confined,
            static at => ConnectAbstractAsync(at)) { AlsoFine = ["ECONNREFUSED"] },
        new("connect to the machine's control socket", Who.Confined,
            static at => ConnectUnixAsync(at, "/run/runcvm/control.sock")),
        new("connect to the engine's socket", Who.All, static at => ConnectUnixAsync(at, "/run/docker.sock")),
    ];

    private static Attempt Socket(string name, Who who, int family, int type, int protocol)
        => new($"make a {name} socket", who,
            at => MakeAsync(at, family, type, protocol))
        { AlsoFine = ["EPROTONOSUPPORT", "ESOCKTNOSUPPORT"] };

    private static async Task<Answer> MakeAsync(Injector at, int family, int type, int protocol)
    {
        Answer answer = await at.CallAsync(socket, family, type, protocol);
        if (answer.Worked) await at.CallAsync(close, answer.Value);
        return answer;
    }

    private static Task<Answer> ConnectAsync(Injector at, byte[] address, int port)
        => WithSocketAsync(at, Internet, connect, InternetAddress(address, port));

    private static Task<Answer> BindAsync(Injector at, byte[] address, int port)
        => WithSocketAsync(at, Internet, bind, InternetAddress(address, port));

    private static Task<Answer> ConnectUnixAsync(Injector at, string path)
        => WithSocketAsync(at, Unix, connect, [Unix, 0, .. Encoding.UTF8.GetBytes(path), 0]);

    private static Task<Answer> ConnectAbstractAsync(Injector at)
        => WithSocketAsync(at, Unix, connect, [Unix, 0, 0, .. Encoding.UTF8.GetBytes(AbstractName)]);

    private static byte[] InternetAddress(byte[] address, int port)
        => [Internet, 0, (byte)(port >> 8), (byte)port, .. address, 0, 0, 0, 0, 0, 0, 0, 0];

    private static async Task<Answer> WithSocketAsync(Injector at, int family, SystemCallNumber number, byte[] address)
    {
        Answer made = await at.CallAsync(socket, family, Stream, 0);
        if (!made.Worked) return made;
        Answer answer = await at.CallAsync(number, made.Value, address, address.Length);
        await at.CallAsync(close, made.Value);
        return answer;
    }
}
