using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A set of capabilities(7), a bit each.</summary>
public readonly record struct CapabilitySet(ulong Bits)
{
    private static readonly string[] Names =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
        "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ];

    // Found once: a filter on system calls may refuse the question.
    private static readonly int LastKnown = FindLastKnown();

    /// <summary>No capability.</summary>
    public static CapabilitySet Empty { get; }

    /// <summary>Every capability that has a name here.</summary>
    public static CapabilitySet Full { get; } = new((1UL << Names.Length) - 1);

    /// <summary>The set of the named ones; unknown names are left out, as runc does with a warning.</summary>
    public static CapabilitySet Of(IEnumerable<string> names)
    {
        ulong bits = 0;
        foreach (string name in names)
        {
            int number = Array.IndexOf(Names, name);
            if (number >= 0) bits |= 1UL << number;
        }

        return new CapabilitySet(bits);
    }

    /// <summary>Whether all of <paramref name="other"/> is in this set.</summary>
    public bool Contains(CapabilitySet other) => (Bits & other.Bits) == other.Bits;

    /// <summary>Takes everything that is not in this set out of the bounding set of this thread.</summary>
    public unsafe void LimitBounding()
    {
        for (int number = 0; number < 64; number++)
        {
            if ((Bits >> number & 1) != 0) continue;
            int result = Libc.prctl(Libc.PR_CAPBSET_DROP, (nuint)number);
            if (result < 0 && SystemCall.LastError == Errno.EINVAL) return; // past the kernel's last capability
            SystemCall.Check(result, $"drop capability {number}");
        }
    }

    /// <summary>capset(2) for this thread. What the kernel does not know is left out.</summary>
    public static unsafe void Apply(CapabilitySet effective, CapabilitySet permitted, CapabilitySet inheritable)
    {
        ulong known = (2UL << LastKnown) - 1;
        // struct __user_cap_header_struct with _LINUX_CAPABILITY_VERSION_3, then two sets of three words.
        uint* header = stackalloc uint[2] { 0x20080522, 0 };
        uint* data = stackalloc uint[6];
        Put(0, effective.Bits & known);
        Put(1, permitted.Bits & known);
        Put(2, inheritable.Bits & known);
        SystemCall.Check(Libc.syscall(SystemCallNumber.Here.capset, (nint)header, (nint)data), $"set capabilities");

        void Put(int index, ulong bits)
        {
            data[index] = (uint)bits;
            data[index + 3] = (uint)(bits >> 32);
        }
    }

    /// <summary>Makes this set this thread's ambient set; it must be permitted and inheritable already.</summary>
    public void ApplyAmbient()
    {
        SystemCall.Check(Libc.prctl(Libc.PR_CAP_AMBIENT, Libc.PR_CAP_AMBIENT_CLEAR_ALL), $"clear ambient capabilities");
        for (int number = 0; number < Names.Length; number++)
        {
            if ((Bits >> number & 1) != 0)
                SystemCall.Check(Libc.prctl(Libc.PR_CAP_AMBIENT, Libc.PR_CAP_AMBIENT_RAISE, (nuint)number), $"raise {Names[number]}");
        }
    }

    private static int FindLastKnown()
    {
        const int PrCapbsetRead = 23;
        int last = Names.Length - 1;
        while (last > 0 && Libc.prctl(PrCapbsetRead, (nuint)last) < 0) last--;
        return last;
    }
}
