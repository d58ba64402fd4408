using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux.Files;
using Runcvm.Network;
using Runcvm.Syntax;
using Runcvm.Tests.Network;

namespace Runcvm.Tests.Egress;

/// <summary>A container's interface led into a tap behind policies, and a receiver that sees every frame that
/// leaves.</summary>
internal sealed class EgressTap : IDisposable
{
    private readonly ContainerPlumbing _net = new();
    private readonly Socket _outside;

    /// <summary>Must be made on a thread that may lose its namespace.</summary>
    internal EgressTap(params string[] policies)
    {
        Programs = [.. policies.Select(
            static text => EgressPrograms.Load(EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", text))!, []))];
        Contents = [.. policies.Select(static text => EgressContents.Of(
            new EgressTables(EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", text))!, [])))];
        _net.Container.Enter();
        Tap = SandboxNetwork.Prepare(policies: Programs).Interfaces[0].Tap;
        _net.Host.Enter();
        _outside = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)0x0300);
    }

    internal SafeFileHandle Tap { get; }

    internal EgressPrograms[] Programs { get; }

    /// <summary>What may be in the tables of each.</summary>
    internal EgressContents[] Contents { get; }

    /// <summary>Writes a frame as the machine, and says whether it left.</summary>
    internal bool Leaves(string frame, string header = TestFrame.Finished)
    {
        byte[] buffer = new byte[70_000];
        while (_outside.Available > 0) _ = _outside.Receive(buffer);
        // The kernel carries it all the way before the write returns.
        try
        {
            FileDescriptor.WriteAll(Tap, Convert.FromHexString(header + frame));
        }
        catch (Linux.LinuxException e) when (e.Errno == Linux.Errno.EINVAL)
        {
            return false;
        }

        while (_outside.Available > 0)
        {
            int n = _outside.Receive(buffer);
            if (Convert.ToHexStringLower(buffer.AsSpan(0, n))
                .Contains(TestFrame.Mark, StringComparison.Ordinal)) return true;
        }

        return false;
    }

    /// <summary>Sends a frame to the machine.</summary>
    internal void Arrive(string frame)
    {
        byte[] bytes = Convert.FromHexString(frame);
        using var socket = new Socket(AddressFamily.Packet, SocketType.Raw, 0);
        socket.Bind(new PacketEnd(Netlink.TestNamespace.Command("ip -o link show host0").Split(':')[0]));
        socket.Send(bytes);
    }

    /// <summary>What has come to the machine since the last look; waits for as many.</summary>
    internal List<string> Answers(int count)
        => [.. ContainerPlumbing.ReadUntil(Tap, frames => frames.Count(IsAnswer) >= count).Where(IsAnswer)
            .Select(static frame => Convert.ToHexStringLower(frame))];

    public void Dispose()
    {
        _outside.Dispose();
        Tap.Dispose();
        foreach (EgressPrograms programs in Programs)
            foreach (SafeFileHandle file in programs.All) file.Dispose();
        _net.Dispose();
    }

    // To the machine's card alone: neighbours' questions go to all.
    private static bool IsAnswer(byte[] frame) => frame[0] == 0x02;

    private sealed class PacketEnd(string index) : System.Net.EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        // struct sockaddr_ll: family, protocol, interface.
        public override System.Net.SocketAddress Serialize()
        {
            var address = new System.Net.SocketAddress(AddressFamily.Packet, 20);
            byte[] number = BitConverter.GetBytes(int.Parse(index, System.Globalization.CultureInfo.InvariantCulture));
            for (int i = 0; i < number.Length; i++) address[4 + i] = number[i];
            return address;
        }
    }
}
