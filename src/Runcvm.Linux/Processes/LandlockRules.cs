using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>What a program may reach by name, see landlock(7). What no rule allows is refused with EACCES, whatever
/// permissions, capabilities and mounts say, and so is TCP (Linux 6.7). Abstract Unix sockets (6.12) of others are
/// refused, too. Files that are open already are not touched.</summary>
/// <param name="Files">what stays allowed</param>
public sealed unsafe record LandlockRules(IReadOnlyList<FileRule> Files)
{
    // struct landlock_ruleset_attr of version 6: three numbers of eight bytes. Older kernels take it as well if what
    // they do not know is zero.
    private const int Size = 24;

    private const FileRights OfVersion1 = (FileRights)((1 << 13) - 1);

    // LANDLOCK_ACCESS_NET_BIND_TCP and LANDLOCK_ACCESS_NET_CONNECT_TCP
    private const ulong Tcp = 3;

    // LANDLOCK_SCOPE_*
    private const ulong AbstractSockets = 1, Signal = 2;

    /// <summary>Signals to processes that do not have these rules are refused as well (Linux 6.12). Not for a thread of
    /// a process whose other threads do not have them: some kernels count those as others.</summary>
    public bool KeepsSignals { get; init; }

    /// <summary>The version of Landlock that this process can use; 0 where the kernel has none, or where it is switched
    /// off or refused.</summary>
    public static int Version => (int)Math.Max(0, AskVersion());

    /// <summary>Puts the rules on this thread, and on all that it starts. They cannot be taken away, and later ones can
    /// only refuse more. Sets no_new_privs. Of a kernel that is newer than this list only what the list knows is
    /// used.</summary>
    /// <exception cref="LinuxException">the kernel has no Landlock, or a place is missing</exception>
    public void Enforce()
    {
        int version = (int)SystemCall.Check(AskVersion(), $"use Landlock");
        Span<byte> attributes = stackalloc byte[Size];
        Describe(version, attributes);
        SafeFileHandle ruleset;
        fixed (byte* pointer = attributes)
        {
            nint made = Libc.syscall(SystemCallNumber.landlock_create_ruleset, (nint)pointer, Size, 0);
            ruleset = new SafeFileHandle(SystemCall.Check(made, $"make rules of Landlock"), ownsHandle: true);
        }

        using (ruleset)
        {
            foreach (FileRule rule in Files) Add(ruleset, rule, Handled(version));
            CurrentProcess.SetNoNewPrivileges();
            SystemCall.Check(
                Libc.syscall(SystemCallNumber.landlock_restrict_self, ruleset.DangerousGetHandle(), 0),
                $"put rules of Landlock on this thread");
        }
    }

    /// <summary>struct landlock_ruleset_attr for a kernel of that version.</summary>
    internal void Describe(int version, Span<byte> attributes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(attributes, (ulong)Handled(version));
        BinaryPrimitives.WriteUInt64LittleEndian(attributes[8..], version >= 4 ? Tcp : 0);
        ulong scopes = AbstractSockets | (KeepsSignals ? Signal : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(attributes[16..], version >= 6 ? scopes : 0);
    }

    /// <summary>The rights that a kernel of that version knows: what is not named in a rule it refuses.</summary>
    internal static FileRights Handled(int version) => OfVersion1
        | (version >= 2 ? FileRights.Refer : FileRights.None)
        | (version >= 3 ? FileRights.Truncate : FileRights.None)
        | (version >= 5 ? FileRights.ControlDevice : FileRights.None);

    private static nint AskVersion()
        => Libc.syscall(
            SystemCallNumber.landlock_create_ruleset, 0, 0, (nint)Libc.LANDLOCK_CREATE_RULESET_VERSION);

    private static void Add(SafeFileHandle ruleset, FileRule rule, FileRights handled)
    {
        using SafeFileHandle place = FileDescriptor.Open(rule.Path, OpenFlags.Path);
        bool isFolder = FileStatus.Of(place).Kind == FileKind.Directory;
        var attributes = new Libc.landlock_path_beneath_attr
        {
            allowed_access = (ulong)rule.For(isFolder, handled),
            parent_fd = (int)place.DangerousGetHandle(),
        };
        // A rule that allows nothing is no rule.
        if (attributes.allowed_access == 0) return;
        nint added = Libc.syscall(
            SystemCallNumber.landlock_add_rule, ruleset.DangerousGetHandle(), Libc.LANDLOCK_RULE_PATH_BENEATH,
            (nint)(&attributes));
        SystemCall.Check(added, $"add a rule of Landlock for {rule.Path}");
    }
}
