using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Runcvm.Fuse.Wire;

namespace Runcvm.Tests.Fuse;

/// <summary>Structs and numbers of the wire against the kernel's own linux/fuse.h.</summary>
public class StructTests
{
    private static readonly Dictionary<Type, string> Names = new()
    {
        [typeof(RequestHeader)] = "fuse_in_header",
        [typeof(ReplyHeader)] = "fuse_out_header",
    };

    // Shorter here than in C: their last fields come only if so agreed, or are not used yet, or are the name.
    private static readonly Type[] Shorter = [typeof(InitIn), typeof(InitOut), typeof(SetxattrIn), typeof(Dirent)];
    private static readonly Type[] NoStruct = [typeof(SetxattrFlags)];

    // In C's header since protocol 7.39.
    private static readonly Enum[] NewerThanTheHeader = [InitFlags.DirectIoAllowMmap];

    [Fact]
    public void Structs_have_the_size_and_the_offsets_of_C()
    {
        var source = new StringBuilder();
        Type[] structs = [.. typeof(RequestHeader).Assembly.GetTypes().Where(static type =>
            type.Namespace == "Runcvm.Fuse.Wire" && type is { IsValueType: true, IsEnum: false, IsByRefLike: false } && !NoStruct.Contains(type))];
        Xunit.Assert.True(structs.Length > 30);
        foreach (Type type in structs)
        {
            string name = Names.GetValueOrDefault(type, "fuse_" + Snake(type.Name));
            if (!Shorter.Contains(type)) Assert(source, $"sizeof(struct {name})", Marshal.SizeOf(type));
            foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic))
            {
                // <Name>k__BackingField
                string property = field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)];
                Assert(source, $"offsetof(struct {name}, {Snake(property)})", (long)Marshal.OffsetOf(type, field.Name));
            }
        }

        Compile(source);
    }

    [Fact]
    public void Numbers_are_those_of_C()
    {
        var source = new StringBuilder();
        foreach (Opcode opcode in Enum.GetValues<Opcode>()) Assert(source, "FUSE_" + Snake($"{opcode}").ToUpperInvariant(), (long)opcode);
        foreach (InitFlags flag in Enum.GetValues<InitFlags>().Where(static flag => !NewerThanTheHeader.Contains(flag)))
            Assert(source, "FUSE_" + Snake($"{flag}").ToUpperInvariant(), (long)flag);
        foreach (SetattrValid flag in Enum.GetValues<SetattrValid>()) Assert(source, "FATTR_" + Snake($"{flag}").ToUpperInvariant(), (long)flag);
        foreach (OpenReplyFlags flag in Enum.GetValues<OpenReplyFlags>().Where(static flag => flag != 0))
            Assert(source, "FOPEN_" + Snake($"{flag}").ToUpperInvariant(), (long)flag);
        foreach (WriteFlags flag in Enum.GetValues<WriteFlags>()) Assert(source, "FUSE_WRITE_" + Snake($"{flag}").ToUpperInvariant(), (long)flag);
        Assert(source, "FUSE_OPEN_KILL_SUIDGID", RequestBits.OpenKillSuidgid);
        Assert(source, "FUSE_RELEASE_FLUSH", RequestBits.ReleaseFlush);
        Assert(source, "FUSE_RELEASE_FLOCK_UNLOCK", RequestBits.ReleaseFlockUnlock);
        Assert(source, "FUSE_FSYNC_FDATASYNC", RequestBits.FsyncDataOnly);
        Assert(source, "FUSE_LK_FLOCK", RequestBits.LockIsFlock);
        Assert(source, "FUSE_SETXATTR_ACL_KILL_SGID", RequestBits.SetxattrAclKillSgid);
        Compile(source);
    }

    private static string Snake(string name)
        => string.Concat(name.Select(static (c, i) => i > 0 && char.IsUpper(c) ? $"_{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));

    private static void Assert(StringBuilder source, string inC, long ours)
        => source.Append("_Static_assert((long long)(").Append(inC).Append(") == ").Append(ours).Append("LL, \"").Append(inC).Append("\");\n");

    private static void Compile(StringBuilder assertions)
    {
        if (!File.Exists("/usr/bin/gcc")) Xunit.Assert.Skip("gcc is not installed");
        var start = new ProcessStartInfo("/usr/bin/gcc", ["-fsyntax-only", "-x", "c", "-"]) { RedirectStandardInput = true, RedirectStandardError = true };
        using Process gcc = Process.Start(start)!;
        Task<string> errors = gcc.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        gcc.StandardInput.Write("#include <stddef.h>\n#include <linux/fuse.h>\n" + assertions);
        gcc.StandardInput.Close();
        gcc.WaitForExit();
        string said = errors.GetAwaiter().GetResult();
        if (said.Contains("No such file or directory", StringComparison.Ordinal)) Xunit.Assert.Skip("the kernel's headers are not installed");
        Xunit.Assert.True(gcc.ExitCode == 0, said);
    }
}
