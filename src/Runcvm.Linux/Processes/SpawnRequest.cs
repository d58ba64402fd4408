using System.Runtime.InteropServices;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>One call of posix_spawn(3): the child starts with an empty signal mask and default dispositions (.NET ignores
/// SIGPIPE, and a program would inherit that).</summary>
internal unsafe ref struct SpawnRequest
{
    private readonly byte* _actions;
    private readonly byte* _attributes;

    internal SpawnRequest(bool newSession)
    {
        _actions = (byte*)NativeMemory.AllocZeroed(Libc.SpawnStructSize);
        _attributes = (byte*)NativeMemory.AllocZeroed(Libc.SpawnStructSize);
        byte* signals = stackalloc byte[Libc.SigsetSize];
        var set = new Span<byte>(signals, Libc.SigsetSize);
        Libc.posix_spawn_file_actions_init(_actions);
        Libc.posix_spawnattr_init(_attributes);
        short flags = Libc.POSIX_SPAWN_SETSIGMASK | Libc.POSIX_SPAWN_SETSIGDEF;
        if (newSession) flags |= Libc.POSIX_SPAWN_SETSID;
        Libc.posix_spawnattr_setflags(_attributes, flags);
        set.Clear();
        Libc.posix_spawnattr_setsigmask(_attributes, signals);
        set.Fill(0xff);
        Libc.posix_spawnattr_setsigdefault(_attributes, signals);
    }

    /// <summary>The child gets this process's file <paramref name="source"/> as <paramref name="number"/>.</summary>
    internal readonly void Duplicate(int source, int number, string program)
        => Check(Libc.posix_spawn_file_actions_adddup2(_actions, source, number), $"pass a file to {program}");

    /// <summary>The child opens a file by name, in the session that it leads by then.</summary>
    internal readonly void Open(string path, int number)
    {
        byte* name = Utf8Array.Copy(path);
        int error = Libc.posix_spawn_file_actions_addopen(_actions, number, name, OpenFlagValues.ToNative(OpenFlags.ReadWrite), 0);
        NativeMemory.Free(name);
        Check(error, $"open {path}");
    }

    /// <summary>Starts the program and gives its process id.</summary>
    internal readonly int Start(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        using var argv = new Utf8Array(arguments);
        using var envp = new Utf8Array(environment);
        byte* file = Utf8Array.Copy(path);
        int error = Libc.posix_spawn(out int pid, file, _actions, _attributes, argv.Pointer, envp.Pointer);
        NativeMemory.Free(file);
        Check(error, $"start {path}");
        return pid;
    }

    internal readonly void Dispose()
    {
        Libc.posix_spawn_file_actions_destroy(_actions);
        Libc.posix_spawnattr_destroy(_attributes);
        NativeMemory.Free(_actions);
        NativeMemory.Free(_attributes);
    }

    private static void Check(int error, string what)
    {
        if (error != 0) throw new LinuxException((Errno)error, what);
    }
}
