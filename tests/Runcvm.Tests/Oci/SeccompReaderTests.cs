using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

/// <summary>What becomes of a filter on system calls as engines write it.</summary>
public sealed class SeccompReaderTests
{
    private const int InstructionSize = 8;

    [Fact]
    public void No_profile_is_no_filter() => Assert.Empty(SeccompReader.Program(null, Architecture.X64));

    [Fact]
    public void A_profile_becomes_a_program_for_the_guests_processor()
    {
        byte[] program = Program("""
            {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
              {"names": ["read", "write", "of_tomorrow"], "action": "SCMP_ACT_ALLOW"},
              {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
              {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
               "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}
            """);
        Assert.Equal(0, program.Length % InstructionSize);
        uint[] answers = Answers(program);
        Assert.Contains(0x7fff0000u, answers);
        Assert.Contains(0x00050001u, answers);
        Assert.Contains(0x00050026u, answers);
        Assert.Equal("3E0000C0", Convert.ToHexString(program, 12, 4));
        byte[] other = Program("""{"defaultAction": "SCMP_ACT_LOG"}""", Architecture.Arm64);
        Assert.Equal("B70000C0", Convert.ToHexString(other, 12, 4));
    }

    [Theory]
    [InlineData("SCMP_ACT_KILL", 0u)]
    [InlineData("SCMP_ACT_KILL_THREAD", 0u)]
    [InlineData("SCMP_ACT_KILL_PROCESS", 0x80000000u)]
    [InlineData("SCMP_ACT_TRAP", 0x00030000u)]
    [InlineData("SCMP_ACT_TRACE", 0x7ff00001u)]
    [InlineData("SCMP_ACT_LOG", 0x7ffc0000u)]
    [InlineData("SCMP_ACT_ALLOW", 0x7fff0000u)]
    [InlineData("SCMP_ACT_ERRNO", 0x00050001u)]
    public void Each_action_has_an_answer_of_the_kernels(string action, uint answer)
        => Assert.Contains(answer, Answers(Program($$"""{"defaultAction": "{{action}}"}""")));

    [Fact]
    public void Two_conditions_on_one_argument_are_two_rules()
    {
        const string Two = """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ERRNO",
              "args": [{"index": INDEX, "value": 1, "op": "SCMP_CMP_EQ"},
                {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]}]}
            """;
        Assert.Equal(2, Refusals("0"));
        Assert.Equal(1, Refusals("1"));

        static int Refusals(string index)
            => Answers(Program(Two.Replace("INDEX", index, StringComparison.Ordinal)))
                .Count(static answer => answer == 0x00050001);
    }

    [Theory]
    [InlineData("""{"defaultAction": "SCMP_ACT_NOTIFY"}""", "another kernel")]
    [InlineData("""{"defaultAction": "SCMP_ACT_HOPE"}""", "'SCMP_ACT_HOPE' is unknown")]
    [InlineData("""
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
          "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}
        """, "no argument 6")]
    [InlineData("""
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
          "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_ALIKE"}]}]}
        """, "'SCMP_CMP_ALIKE' is unknown")]
    public void What_cannot_be_is_refused(string profile, string words)
        => Assert.Contains(
            words, Assert.Throws<UsageException>(() => Program(profile)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"syscalls": []}""")]
    [InlineData("""{"defaultAction": 7}""")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [7]}""")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ALLOW"}]}""")]
    [InlineData("""
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO",
          "args": [{"index": -1, "value": 0, "op": "SCMP_CMP_EQ"}]}]}
        """)]
    public void Types_are_those_of_the_specification(string profile)
    {
        var spec = new JsonObject { ["linux"] = new JsonObject { ["seccomp"] = JsonNode.Parse(profile) } };
        Assert.Throws<UsageException>(() => SpecTypes.CheckSpec(spec, "config.json"));
    }

    private static byte[] Program(string profile, Architecture machine = Architecture.X64)
    {
        var spec = new JsonObject { ["linux"] = new JsonObject { ["seccomp"] = JsonNode.Parse(profile) } };
        SpecTypes.CheckSpec(spec, "config.json");
        return SeccompReader.Program(spec["linux"]!["seccomp"], machine);
    }

    // BPF_RET | BPF_K
    private static uint[] Answers(byte[] program)
        => [.. program.Chunk(InstructionSize).Where(static one => one[0] == 6)
            .Select(static one => BinaryPrimitives.ReadUInt32LittleEndian(one.AsSpan(4)))];
}
