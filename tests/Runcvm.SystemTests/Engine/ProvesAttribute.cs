using Xunit.v3;

namespace Runcvm.SystemTests.Engine;

/// <summary>Names flags of `docker run`, or other commands, whose rows in docs/compatibility.md rest on this test. A unit test
/// compares the two, and tools/compatibility.sh writes there what became of the tests.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = false)]
internal sealed class ProvesAttribute(params string[] flags) : Attribute, ITraitAttribute
{
    internal const string Trait = "proves";

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits()
        => [.. flags.Select(static flag => KeyValuePair.Create(Trait, flag))];
}
