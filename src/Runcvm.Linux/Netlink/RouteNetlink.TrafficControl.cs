using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

public sealed partial class RouteNetlink
{
    // The handle of sch_clsact, which is always ffff:, and its two sides, on which filters hang.
    private const uint BothHandle = 0xFFFF0000;
    private const uint Ingress = BothHandle | Libc.TC_H_MIN_INGRESS;
    private const uint Egress = BothHandle | Libc.TC_H_MIN_EGRESS;

    // The class that a kept packet is put in. It need not exist; a filter without action must name one to be final.
    private const uint KeepClass = 0x00010001;

    /// <summary>Priority of what <see cref="CloseFilters"/> adds to the egress.</summary>
    public const ushort ClosedPriority = 1;

    /// <summary>Makes the interface's place for filters anew, of both directions: what an earlier one filtered is
    /// forgotten.</summary>
    public void ResetFilters(Link link)
    {
        try
        {
            _socket.Request(BothWaysRequest(link, create: true), $"add the clsact qdisc of {link.Name}");
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            Remake(link);
        }
    }

    /// <summary>Makes the interface's place for filters anew as well, but nothing leaves over it until
    /// <see cref="OpenFilters"/>: where there were filters they hold until then.</summary>
    /// <param name="link">the interface</param>
    /// <param name="last">the highest priority of filters of the egress</param>
    public void CloseFilters(Link link, ushort last)
    {
        try
        {
            _socket.Request(BothWaysRequest(link, create: true, isNew: false), $"add the clsact qdisc of {link.Name}");
            AddEgressProgram(link, ClosedPriority, PacketProgram.Nothing());
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            // The qdisc, or the filter of this priority, is of another kind and none of ours.
            Remake(link);
            AddEgressProgram(link, ClosedPriority, PacketProgram.Nothing());
        }

        for (ushort priority = ClosedPriority + 1; priority <= last; priority++)
        {
            try
            {
                RemoveEgress(link, priority);
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
                // There was none.
            }
        }

        var w = new NetlinkWriter(Libc.RTM_DELTFILTER, Libc.NLM_F_ACK);
        TrafficControlHeader(w, link, 0, Ingress, 0);
        _socket.Request(w, $"delete the old filters of the ingress of {link.Name}");
    }

    /// <summary>From here on the interface's filters decide.</summary>
    public void OpenFilters(Link link) => RemoveEgress(link, ClosedPriority);

    /// <summary>Lets out over the interface, as it is, what came in over another one; no further filter sees
    /// it.</summary>
    public void AddEgressFrom(Link link, ushort priority, Link origin)
    {
        NetlinkWriter w = FilterHeader(link, PacketFilter.AnyProtocol, priority, "u32", Egress);
        using (w.Nested(Libc.TCA_OPTIONS))
        {
            w.Attribute(Libc.TCA_U32_CLASSID, KeepClass);
            using (w.Nested(Libc.TCA_U32_SEL)) WriteSelector(w, []);
            w.Attribute(Libc.TCA_U32_INDEV, origin.Name);
        }

        _socket.Request(w, $"let out over {link.Name} what comes from {origin.Name}");
    }

    /// <summary>Adds a program to what leaves over the interface. Frames that it passes go to the filters behind
    /// it.</summary>
    public void AddEgressProgram(Link link, ushort priority, PacketProgram program)
        => _socket.Request(
            DirectRequest(link, priority, program, Egress),
            $"add a filter program of {program.Length} instructions to the egress of {link.Name}");

    /// <summary>Adds a program that the kernel has loaded already to what leaves over the interface.</summary>
    public void AddEgressProgram(Link link, ushort priority, SafeFileHandle program, string name)
        => _socket.Request(
            LoadedRequest(link, priority, program, name, Egress),
            $"add the program {name} to the egress of {link.Name}");

    /// <summary>Adds a filter to the interface's ingress qdisc, after those of the same priority.</summary>
    public void AddIngressFilter(Link link, PacketFilter filter)
        => _socket.Request(
            FilterRequest(link, filter),
            $"add filter {filter.Priority} (protocol {filter.Protocol:x4}, {filter.Action}) to the ingress of {link.Name}");

    /// <summary>Adds a program to the interface's ingress qdisc that chooses frames: a copy of those for which it <see cref="PacketProgram.Match"/>es leaves through
    /// another interface, and no further filter sees them. Others go to the filters behind it.</summary>
    /// <param name="link">the interface</param>
    /// <param name="protocol">ETH_P_* of if_ether.h, which the packet must have</param>
    /// <param name="priority">lower ones are asked first; no other kind of filter may have it</param>
    /// <param name="program">the program</param>
    /// <param name="targetIndex">where the copies leave</param>
    public void AddIngressMirror(Link link, ushort protocol, ushort priority, PacketProgram program, int targetIndex)
        => _socket.Request(
            ProgramRequest(link, protocol, priority, program, w => WriteMirred(w, Libc.TCA_BPF_ACT, redirect: false, targetIndex)),
            $"add a mirror program of {program.Length} instructions (protocol {protocol:x4}) to the ingress of {link.Name}");

    /// <summary>Adds a program to the interface's ingress qdisc. Frames that it passes go to the filters behind it.</summary>
    /// <param name="link">the interface</param>
    /// <param name="priority">lower ones are asked first; no other kind of filter may have it</param>
    /// <param name="program">the program</param>
    public void AddIngressProgram(Link link, ushort priority, PacketProgram program)
        => _socket.Request(
            DirectRequest(link, priority, program, Ingress),
            $"add a filter program of {program.Length} instructions to the ingress of {link.Name}");

    /// <summary>Adds a program that the kernel has loaded already to the interface's ingress qdisc. Frames that it
    /// passes go to the filters behind it.</summary>
    /// <param name="link">the interface</param>
    /// <param name="priority">lower ones are asked first; no other kind of filter may have it</param>
    /// <param name="program">its open file</param>
    /// <param name="name">for people who look</param>
    public void AddIngressProgram(Link link, ushort priority, SafeFileHandle program, string name)
        => _socket.Request(
            LoadedRequest(link, priority, program, name, Ingress),
            $"add the program {name} to the ingress of {link.Name}");

    private static NetlinkWriter LoadedRequest(
        Link link, ushort priority, SafeFileHandle program, string name, uint side)
    {
        NetlinkWriter w = FilterHeader(link, PacketFilter.AnyProtocol, priority, "bpf", side);
        using (w.Nested(Libc.TCA_OPTIONS))
        {
            w.Attribute(Libc.TCA_BPF_FD, (uint)program.DangerousGetHandle());
            w.Attribute(Libc.TCA_BPF_NAME, name);
            w.Attribute(Libc.TCA_BPF_FLAGS, Libc.TCA_BPF_FLAG_ACT_DIRECT);
        }

        return w;
    }

    private static NetlinkWriter DirectRequest(Link link, ushort priority, PacketProgram program, uint side)
        => ProgramRequest(
            link, PacketFilter.AnyProtocol, priority, program,
            static w => w.Attribute(Libc.TCA_BPF_FLAGS, Libc.TCA_BPF_FLAG_ACT_DIRECT), side);

    /// <param name="link">the interface</param>
    /// <param name="protocol">ETH_P_* of if_ether.h</param>
    /// <param name="priority">lower ones are asked first</param>
    /// <param name="program">the program</param>
    /// <param name="writeUse">writes what its result is for</param>
    /// <param name="side"><see cref="Ingress"/> or <see cref="Egress"/></param>
    private static NetlinkWriter ProgramRequest(
        Link link, ushort protocol, ushort priority, PacketProgram program, Action<NetlinkWriter> writeUse,
        uint side = Ingress)
    {
        NetlinkWriter w = FilterHeader(link, protocol, priority, "bpf", side);
        using (w.Nested(Libc.TCA_OPTIONS))
        {
            using (w.Nested(Libc.TCA_BPF_OPS_LEN)) w.UInt16((ushort)program.Length);
            w.Attribute(Libc.TCA_BPF_OPS, program.ToBytes());
            writeUse(w);
        }

        return w;
    }

    private static NetlinkWriter FilterHeader(Link link, ushort protocol, ushort priority, string kind, uint side)
    {
        var w = new NetlinkWriter(Libc.RTM_NEWTFILTER, Libc.NLM_F_ACK | Libc.NLM_F_CREATE | Libc.NLM_F_EXCL);
        TrafficControlHeader(w, link, 0, side, Info(priority, protocol));
        w.Attribute(Libc.TCA_KIND, kind);
        return w;
    }

    private void Remake(Link link)
    {
        _socket.Request(BothWaysRequest(link, create: false), $"delete the old filters of {link.Name}");
        _socket.Request(BothWaysRequest(link, create: true), $"add the clsact qdisc of {link.Name}");
    }

    private void RemoveEgress(Link link, ushort priority)
    {
        var w = new NetlinkWriter(Libc.RTM_DELTFILTER, Libc.NLM_F_ACK);
        TrafficControlHeader(w, link, 0, Egress, Info(priority, PacketFilter.AnyProtocol));
        _socket.Request(w, $"delete filter {priority} of the egress of {link.Name}");
    }

    private static uint Info(ushort priority, ushort protocol)
        => ((uint)priority << 16) | BinaryPrimitives.ReverseEndianness(protocol);

    internal static NetlinkWriter BothWaysRequest(Link link, bool create, bool isNew = true)
    {
        const ushort Create = Libc.NLM_F_ACK | Libc.NLM_F_CREATE;
        NetlinkWriter w = create
            ? new NetlinkWriter(Libc.RTM_NEWQDISC, isNew ? (ushort)(Create | Libc.NLM_F_EXCL) : Create)
            : new NetlinkWriter(Libc.RTM_DELQDISC, Libc.NLM_F_ACK);
        TrafficControlHeader(w, link, BothHandle, Libc.TC_H_CLSACT, 0);
        // The old one may be of another kind.
        if (create) w.Attribute(Libc.TCA_KIND, "clsact");
        return w;
    }

    internal static NetlinkWriter FilterRequest(Link link, PacketFilter filter)
    {
        NetlinkWriter w = FilterHeader(link, filter.Protocol, filter.Priority, "u32", Ingress);
        using (w.Nested(Libc.TCA_OPTIONS))
        {
            if (filter.Action == PacketAction.Keep) w.Attribute(Libc.TCA_U32_CLASSID, KeepClass);
            using (w.Nested(Libc.TCA_U32_SEL)) WriteSelector(w, filter.Matches);
            if (filter.Action != PacketAction.Keep) WriteMirred(w, Libc.TCA_U32_ACT, filter.Action == PacketAction.Redirect, filter.TargetIndex);
        }

        return w;
    }

    /// <summary>struct tcmsg</summary>
    private static void TrafficControlHeader(NetlinkWriter w, Link link, uint handle, uint parent, uint info)
    {
        w.Zeros(4);
        w.Int32(link.Index);
        w.UInt32(handle);
        w.UInt32(parent);
        w.UInt32(info);
    }

    /// <summary>struct tc_u32_sel and its keys</summary>
    private static void WriteSelector(NetlinkWriter w, IReadOnlyList<WordMatch> matches)
    {
        w.Byte(Libc.TC_U32_TERMINAL);
        w.Zeros(1);
        w.Byte((byte)matches.Count);
        w.Zeros(13);
        for (int i = 0; i < matches.Count; i++)
        {
            WordMatch match = matches[i];
            w.NetworkUInt32(match.Mask);
            w.NetworkUInt32(match.Value);
            w.Int32(match.Offset);
            w.Zeros(4);
        }
    }

    /// <summary>A list of actions with one in it, tc-mirred(8).</summary>
    private static void WriteMirred(NetlinkWriter w, ushort attribute, bool redirect, int targetIndex)
    {
        using (w.Nested(attribute))
        using (w.Nested(1))
        {
            w.Attribute(Libc.TCA_ACT_KIND, "mirred");
            using (w.Nested(Libc.TCA_ACT_OPTIONS))
            using (w.Nested(Libc.TCA_MIRRED_PARMS))
            {
                // struct tc_mirred: index, capabilities, verdict, two counters, what to do, with which interface
                w.Zeros(8);
                w.Int32(redirect ? Libc.TC_ACT_STOLEN : Libc.TC_ACT_OK);
                w.Zeros(8);
                w.Int32(redirect ? Libc.TCA_EGRESS_REDIR : Libc.TCA_EGRESS_MIRROR);
                w.Int32(targetIndex);
            }
        }
    }
}
