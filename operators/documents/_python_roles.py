"""What the names of a module of Python stand for: what it imports, and the variables that all of it can see."""

import ast
from dataclasses import dataclass, field

__all__ = ["roles_of"]

# Roles of names that other files bring, and of variables of the module.
MODULE, LIB, ALIAS, GLOBAL = "MODULE", "LIB", "ALIAS", "GLOBAL_VARIABLE"
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(slots=True)
class _Scope:
    """The names that are bound in a scope, each with its role or None; names declared `global`; the scope around it."""

    around: "_Scope | None"
    of_class: bool = False
    bound: dict[str, str | None] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)

    def role(self, name: str) -> str | None:
        """The role of a name that is used here."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.declared:
                while scope.around is not None:
                    scope = scope.around
            if name in scope.bound and (scope is self or not scope.of_class):
                return scope.bound[name]
            scope = scope.around
        return None


def roles_of(tree: ast.Module) -> dict[tuple[int, int], str]:
    r"""The role of each name that has one, by line (from 1 on) and column in bytes of UTF-8.

    >>> roles_of(ast.parse("import os\nx = os.sep\ndef f(os): return os, x"))
    {(2, 0): 'GLOBAL_VARIABLE', (2, 4): 'MODULE', (3, 22): 'GLOBAL_VARIABLE'}
    """
    found: dict[tuple[int, int], str] = {}
    module = _Scope(None)
    _bind(tree.body, module, at_top=True)
    todo: list[tuple[ast.AST, _Scope]] = [(node, module) for node in tree.body]
    while todo:
        node, scope = todo.pop()
        if isinstance(node, ast.Name) and (role := scope.role(node.id)):
            found[node.lineno, node.col_offset] = role
        todo += _inside(node, scope)
    return dict(sorted(found.items()))


def _inside(node: ast.AST, scope: _Scope) -> list[tuple[ast.AST, _Scope]]:
    """The children of a node, each with the scope that its names are looked up in."""
    if isinstance(node, _Function):
        own = _Scope(scope)
        arguments = node.args
        every = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        own.bound |= dict.fromkeys([one.arg for one in every if one is not None])
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        _bind(body, own)
        outside = [*arguments.defaults, *(one for one in arguments.kw_defaults if one is not None)]
        outside += [one.annotation for one in every if one is not None and one.annotation is not None]
        if not isinstance(node, ast.Lambda):
            outside += [*node.decorator_list, *([node.returns] if node.returns is not None else [])]
        return [(one, scope) for one in outside] + [(one, own) for one in body]
    if isinstance(node, ast.ClassDef):
        own = _Scope(scope, of_class=True)
        _bind(node.body, own)
        outside = [*node.decorator_list, *node.bases, *(one.value for one in node.keywords)]
        return [(one, scope) for one in outside] + [(one, own) for one in node.body]
    if isinstance(node, _Comprehension):
        own = _Scope(scope)
        _bind([one.target for one in node.generators], own)
        first = node.generators[0].iter
        return [(first, scope)] + [
            (child, own)
            for part in ast.iter_child_nodes(node)
            for child in (ast.iter_child_nodes(part) if isinstance(part, ast.comprehension) else [part])
            if child is not first
        ]
    return [(child, scope) for child in ast.iter_child_nodes(node)]


def _bind(nodes: "list[ast.stmt] | list[ast.expr]", scope: _Scope, *, at_top: bool = False) -> None:
    """Put what is bound by statements, outside of scopes of their own, into a scope."""
    variable = GLOBAL if at_top else None
    todo: list[ast.AST] = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            plain = MODULE if isinstance(node, ast.Import) else LIB
            for one in node.names:
                scope.bound[one.asname or one.name.partition(".")[0]] = ALIAS if one.asname else plain
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            scope.bound.setdefault(node.id, variable)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope.bound.setdefault(node.name, None)
            continue
        if isinstance(node, ast.Global):
            scope.declared |= set(node.names)
        if isinstance(node, ast.ExceptHandler) and node.name:
            scope.bound.setdefault(node.name, variable)
        if not isinstance(node, (ast.Lambda, *_Comprehension.__args__)):
            todo += ast.iter_child_nodes(node)
