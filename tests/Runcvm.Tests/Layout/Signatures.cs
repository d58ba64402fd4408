using System.Reflection.Metadata;
using Handles = System.Collections.Immutable.ImmutableArray<System.Reflection.Metadata.TypeDefinitionHandle>;

namespace Runcvm.Tests.Layout;

/// <summary>A signature as the list of this assembly's types in it, however deep they stand.</summary>
internal sealed class Signatures(TypeReferences references)
    : ISignatureTypeProvider<Handles, object?>
{
    internal static IEnumerable<TypeDefinitionHandle> All(MethodSignature<Handles> signature)
        => [.. signature.ReturnType, .. signature.ParameterTypes.SelectMany(static each => each)];

    public Handles GetTypeFromDefinition(
        MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => [handle];

    public Handles GetTypeFromReference(
        MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => [];

    public Handles GetTypeFromSpecification(
        MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind)
        => [.. references.Of(handle)];

    public Handles GetGenericInstantiation(
        Handles genericType,
        System.Collections.Immutable.ImmutableArray<Handles> typeArguments)
        => [.. genericType, .. typeArguments.SelectMany(static each => each)];

    public Handles GetModifiedType(
        Handles modifier,
        Handles unmodifiedType,
        bool isRequired) => [.. modifier, .. unmodifiedType];

    public Handles GetFunctionPointerType(
        MethodSignature<Handles> signature) => [.. All(signature)];

    public Handles GetArrayType(
        Handles elementType, ArrayShape shape) => elementType;

    public Handles GetByReferenceType(Handles elementType)
        => elementType;

    public Handles GetPinnedType(Handles elementType)
        => elementType;

    public Handles GetPointerType(Handles elementType)
        => elementType;

    public Handles GetSZArrayType(Handles elementType)
        => elementType;

    public Handles GetGenericMethodParameter(object? genericContext, int index) => [];

    public Handles GetGenericTypeParameter(object? genericContext, int index) => [];

    public Handles GetPrimitiveType(PrimitiveTypeCode typeCode) => [];
}
